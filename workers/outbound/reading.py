"""What a URL gives, read by a thread of its own, so that whoever waits for it can look up now and then, and walk away."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

import httpx

from core.errors import RemoteTooSlow
from workers.outbound.errors import translated

LOOK_UP_S = 0.5
AHEAD = 64
"""Chunks read ahead, of up to 64 KiB."""


class _Left(Exception):
    """Whoever waited has left; the connection is closed on the way out."""


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: httpx.Headers


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class Pace:
    """Bounds a drip: at least `least` bytes a second, on average over each `patience` of waiting. Time spent otherwise does not count."""

    def __init__(self, *, least: int, patience: timedelta) -> None:
        self._least, self._patience_s = least, patience.total_seconds()
        self._waited_s, self._bytes = 0.0, 0

    def __call__(self, *, waited_s: float, count: int) -> None:
        """Raises `RemoteTooSlow`."""
        self._waited_s += waited_s
        self._bytes += count
        if self._waited_s < self._patience_s:
            return
        if self._bytes < self._least * self._waited_s:
            raise RemoteTooSlow(
                f"The other server gave {self._bytes} bytes in {self._waited_s:.0f} s; it must give {self._least} a second "
                "(PLAYHEAD_FETCH_LEAST_RATE)."
            )
        self._waited_s, self._bytes = 0.0, 0


class Reading:
    """One GET. Enter it, take the `head`, then the `chunks`, undecoded; each raises what `errors.translated` and `beat` do, and
    `RemoteTooSlow`.

    The thread is there because neither looking a name up nor waiting for bytes can be interrupted. Leave it, and close the client, for it
    to end.
    """

    def __init__(self, http: httpx.Client, url: str, *, headers: Mapping[str, str], beat: Callable[[], None], pace: Pace) -> None:
        self._http, self._url, self._headers = http, url, headers
        self._beat, self._pace = beat, pace
        self._read: Queue[Head | bytes | _Failed | None] = Queue(AHEAD)
        self._left = Event()

    def __enter__(self) -> Self:
        Thread(target=self._run, name="reading", daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._left.set()

    def head(self) -> Head:
        head = self._next()
        assert isinstance(head, Head)
        return head

    def chunks(self) -> Iterator[bytes]:
        while isinstance(chunk := self._next(), bytes):
            yield chunk

    def _next(self) -> Head | bytes | None:
        while True:
            self._beat()
            since = monotonic()
            try:
                got = self._read.get(timeout=LOOK_UP_S)
            except Empty:
                self._pace(waited_s=monotonic() - since, count=0)
                continue
            self._pace(waited_s=monotonic() - since, count=len(got) if isinstance(got, bytes) else 0)
            if isinstance(got, _Failed):
                raise got.error
            return got

    def _run(self) -> None:
        try:
            with (
                translated(self._url),
                self._http.stream("GET", self._url, headers=dict(self._headers), follow_redirects=True) as response,
            ):
                self._give(Head(response.status_code, response.headers))
                for chunk in response.iter_raw():
                    self._give(chunk)
            self._give(None)
        except _Left:
            return
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits, as it is
            with suppress(_Left):
                self._give(_Failed(error))

    def _give(self, what: Head | bytes | _Failed | None) -> None:
        while not self._left.is_set():
            try:
                return self._read.put(what, timeout=LOOK_UP_S)
            except Full:
                continue
        raise _Left
