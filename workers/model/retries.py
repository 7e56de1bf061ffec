"""How often and how patiently: a call that is tried again while the model is unavailable, and waiting for leave to make one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Never, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from core.errors import CircuitOpen, ModelBusy, ModelUnavailable

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a thread waits for leave to make a call, before its window goes back for others to take."""

LOOKS_A_SECOND = 10


def retrying(*, tries: int, backoff: timedelta, backoff_max: timedelta, sleep: Callable[[float], None]) -> Retrying:
    """Tries while ModelUnavailable is raised, then raises the last one as it is; `sleep` is called between tries, in seconds.

    Full jitter, doubling from `backoff` to `backoff_max`. A Retry-After is waited for in full, with the first jitter on top so that
    callers told the same do not come back together; one longer than `backoff_max` ends the tries: whoever called puts the work off by
    `retry_after_s`.
    """
    longest_s = backoff_max.total_seconds()
    jitter = wait_random_exponential(multiplier=backoff.total_seconds(), max=longest_s)
    spread = wait_random_exponential(multiplier=backoff.total_seconds(), max=backoff.total_seconds())

    def wait(state: RetryCallState) -> float:
        asked = _asked_s(state)
        return jitter(state) if asked is None else asked + spread(state)

    def stop(state: RetryCallState) -> bool:
        return stop_after_attempt(tries)(state) or (_asked_s(state) or 0.0) > longest_s

    return Retrying(retry=retry_if_exception(_may_pass), wait=wait, stop=stop, sleep=sleep, reraise=True)


def wait_for_leave(look: Callable[[], T | None], *, permit: Callable[[], None], busy: str, patience_s: float = PATIENCE_S) -> T:
    """What `look` gives once that is something; `permit` is called about each second until then, and may raise.

    Raises `ModelBusy`, with `busy` as its words, after `patience_s`.
    """

    def meanwhile(state: RetryCallState) -> None:
        if state.attempt_number % LOOKS_A_SECOND == 0:
            permit()

    def give_up(_: RetryCallState) -> Never:
        raise ModelBusy(busy, retry_after_s=1)

    patient: Callable[..., Any] = Retrying(
        retry=retry_if_result(lambda found: found is None),
        wait=wait_fixed(1 / LOOKS_A_SECOND),
        stop=stop_after_delay(patience_s),
        before_sleep=meanwhile,
        retry_error_callback=give_up,
    )
    found: T = patient(look)
    return found


def _may_pass(error: BaseException) -> bool:
    """Where nobody asks for a while, no thread waits for that to be over."""
    return isinstance(error, ModelUnavailable) and not isinstance(error, CircuitOpen)


def _asked_s(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, ModelUnavailable) else None
