"""How often somebody may come: counted in this process at once, and shared with the others behind the requests' backs.

Windows are fixed: minutes by the machine's clock, whose being a little wrong moves them and does no harm. What the other processes let
through is known after `SHARED_EVERY_S`, so that many of them together let through as much more as comes within that time. While Redis is
away or frozen each counts for itself; no request ever waits for it.
"""

import math
import os
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import redis
import structlog
from limits.storage import RedisStorage

from core.broker import connect
from core.settings import Settings

log = structlog.get_logger(__name__)

WINDOW_S = 60
SHARED_EVERY_S = 0.2
AGAIN_AFTER_S = 5.0
TIMEOUT_S = 1.0

WINDOWS_MAX = 50_000
"""Of counters in this process; where strangers come from more addresses than that in a minute, counting begins anew."""


class Allowance(NamedTuple):
    """How many more may come in this window, and when the next one begins. `is_over`: this one was one too many."""

    limit: int
    remaining: int
    reset_s: int
    is_over: bool


@dataclass(slots=True)
class _Count:
    """`total` is what is known of all processes, `unsent` the part of it that the others do not know of yet."""

    total: int = 0
    unsent: int = 0


class Turnstile:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, _Count] = {}
        self._pid: int | None = None
        self._wake, self._closed = threading.Event(), False

    def enter(self, who: str, *, limit: int) -> Allowance:
        """Count one, unless `limit` of them have come in this minute."""
        return self._pass(who, limit=limit, counted=1)

    def look(self, who: str, *, limit: int) -> Allowance:
        """Whether one more may come; nothing is counted."""
        return self._pass(who, limit=limit, counted=0)

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def _pass(self, who: str, *, limit: int, counted: int) -> Allowance:
        now = time.time()
        with self._lock:
            if self._window != now // WINDOW_S or len(self._counts) > WINDOWS_MAX:
                self._window, self._counts = int(now // WINDOW_S), {}
            count = self._counts.get(who) or _Count()
            is_over = count.total >= limit
            if counted and not is_over:
                self._counts[who] = count
                count.total += counted
                count.unsent += counted
        if counted and not is_over:
            self._share()
        return Allowance(limit, max(0, limit - count.total), math.ceil(WINDOW_S - now % WINDOW_S), is_over)

    def _share(self) -> None:
        """A thread does not survive a fork, so each process starts its own."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._share_all, name="turnstile", daemon=True).start()
        self._wake.set()

    def _share_all(self) -> None:
        pool = connect(self._settings, timeout_s=TIMEOUT_S).connection_pool
        storage = RedisStorage("redis://", connection_pool=pool, key_prefix="playhead:turnstile")
        while self._wake.wait() and not self._closed:
            self._wake.clear()
            pause_s = SHARED_EVERY_S
            try:
                self._share_once(storage)
            except redis.RedisError as error:
                log.warning("turnstile.alone", error=repr(error))
                pause_s = AGAIN_AFTER_S
            time.sleep(pause_s)
        pool.disconnect()

    def _share_once(self, storage: RedisStorage) -> None:
        with self._lock:
            window, counts = self._window, self._counts
            unsent = {who: count.unsent for who, count in counts.items() if count.unsent}
        for who, amount in unsent.items():
            total = storage.incr(f"{who}:{window}", WINDOW_S * 2, amount)
            with self._lock:
                count = counts[who]
                count.unsent -= amount
                count.total = max(count.total, total + count.unsent)
