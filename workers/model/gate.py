"""Who may call the model's provider, and when: one gate for all workers that use the same key, kept in Redis.

| what a call's end tells (`policy`) | then                                                                                           |
|------------------------------------|------------------------------------------------------------------------------------------------|
| GOOD                               | the circuit closes, the key works; after 20 of them one more call may be in flight               |
| SLOWER                             | half as many calls in flight, at the least one; once for all calls that were in flight then      |
| AWAY                               | the tenth in a row opens the circuit of this model: for a while no call is made, then one at a time |
| SLOWER_AND_AWAY                    | both                                                                                           |
| PAUSED                             | no call is made with this key for a while, then one at a time                                    |
| ALIVE                              | the circuit closes, the key works                                                              |

Each change is one Lua script, so it is atomic; all times are Redis's. Slots are leases, so that those of a killed worker come back. With
Redis away each process keeps to `START` calls of its own. The libraries for limits have fixed ones, and those for circuits let more than
one caller try at a time; and the two must agree on who may.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
import structlog

from core.errors import CircuitOpen, ModelPaused
from core.provider import pause_key
from workers.model.policy import Tells, rule_of
from workers.model.retries import PATIENCE_S, wait_for_leave

log = structlog.get_logger(__name__)

START, RAISE_AFTER, OPEN_AFTER = 4, 20, 10
"""Calls in flight at first; replies after which one more may be; failures in a row that open a circuit."""

AWAY_S = 5.0
"""How long Redis is not asked again after it did not answer."""

SCRIPT = Path(__file__).with_suffix(".lua").read_text()


@dataclass(slots=True)
class Slot:
    """A call that may be made, by its number among all of the key's. `local`: Redis was away."""

    token: str
    number: int
    probing: bool
    local: bool = False
    kept_at: float = field(default_factory=time.monotonic)


class Gate:
    """One key's. `rest`: how long nobody calls once the key is refused or a circuit opens; `lease`: how long a slot lasts unseen."""

    def __init__(self, broker: "redis.Redis", scope: str, *, rest: timedelta, lease: timedelta, patience_s: float = PATIENCE_S) -> None:
        self._broker, self._scope, self._patience_s = broker, scope, patience_s
        self._rest_ms, self._lease_ms = (int(each.total_seconds() * 1000) for each in (rest, lease))
        self._script = broker.register_script(SCRIPT)
        self._lock, self._local, self._away_until = threading.Lock(), 0, 0.0

    @contextmanager
    def slot(self, model: str, permit: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """While it lasts, a call may be made; gives what to call now and then meanwhile. `permit` is called about each second of waiting.

        Raises `ModelPaused` and `CircuitOpen` at once, `ModelBusy` after a while; whatever is raised inside tells what became of the call.
        """
        busy = "All calls that may be in flight at once are."
        slot = wait_for_leave(lambda: self._enter(model), permit=permit, busy=busy, patience_s=self._patience_s)
        tells, reason = Tells.LEFT, ""
        try:
            yield lambda: self._keep(model, slot)
            tells = Tells.GOOD
        except BaseException as error:
            rule = rule_of(error)
            tells, reason = rule.tells if rule else Tells.LEFT, str(error)
            raise
        finally:
            self._leave(model, slot, tells, reason)

    def _enter(self, model: str) -> Slot | None:
        token = uuid4().hex
        told = self._run(model, "enter", token)
        if told is None:
            return self._enter_locally(token)
        word, number, reason = told[0].decode(), int(told[1]), told[2].decode()
        if word == "busy":
            return None
        if word == "paused":
            raise ModelPaused(reason, retry_after_s=max(number / 1000, 0.1))
        if word == "open":
            raise CircuitOpen(f"The model keeps failing, so it is left alone for a while: {reason}", retry_after_s=max(number / 1000, 0.1))
        return Slot(token, number, probing=word == "probe")

    def _keep(self, model: str, slot: Slot) -> None:
        if not slot.local and time.monotonic() >= slot.kept_at + self._lease_ms / 3000:
            slot.kept_at = time.monotonic()
            self._run(model, "keep", slot.token, probing=slot.probing)

    def _leave(self, model: str, slot: Slot, tells: Tells, reason: str) -> None:
        if slot.local:
            with self._lock:
                self._local -= 1
        self._run(model, "leave", slot.token, tells=tells, number=slot.number, probing=slot.probing, reason=reason[:500])

    def _enter_locally(self, token: str) -> Slot | None:
        with self._lock:
            if self._local >= START:
                return None
            self._local += 1
        return Slot(token, 0, probing=False, local=True)

    def _run(self, model: str, verb: str, token: str, *, tells: str = "", number: int = 0, probing: bool = False, reason: str = "") -> Any:
        """What the script says; None with Redis away."""
        if time.monotonic() < self._away_until:
            return None
        prefix = f"playhead:model:{self._scope}"
        keys = [f"{prefix}:slots", f"{prefix}:limit", pause_key(self._scope), f"{prefix}:circuit:{model}"]
        numbers = [self._lease_ms, self._rest_ms, START, RAISE_AFTER, OPEN_AFTER]
        try:
            return self._script(keys=keys, args=[verb, token, *numbers, tells, number, int(probing), reason])
        except redis.RedisError as error:
            log.warning("gate.redis_away", error=repr(error))
            self._away_until = time.monotonic() + AWAY_S
            return None
