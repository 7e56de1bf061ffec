"""How long uploads take while the broker alone is away, measured with all else well."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.chaos import messages
from tests.chaos.evidence import Upload
from tests.chaos.stack import TICK_S, Stack

WELL = "well"


def waits(stack: Stack, upload: Callable[[], Upload], *, each: int) -> dict[str, list[float]]:
    """Seconds from an upload's first byte to its 202, `each` of them a state of the broker."""
    found: dict[str, list[float]] = {}
    for state, broken in STATES.items():
        with broken(stack):
            found[state] = [_timed(upload) for _ in range(each)]
        while not (stack.is_up("valkey") and stack.parts["valkey"].is_ready()):
            stack.tend()
            time.sleep(TICK_S)
    return found


def _timed(upload: Callable[[], Upload]) -> float:
    began = time.monotonic()
    upload()
    return time.monotonic() - began


@contextmanager
def _well(stack: Stack) -> Iterator[None]:
    yield


@contextmanager
def _down(stack: Stack) -> Iterator[None]:
    stack.held.add("valkey")
    stack.kill("valkey")
    stack.processes["valkey"].wait(5)
    yield
    stack.held.discard("valkey")


@contextmanager
def _frozen(stack: Stack) -> Iterator[None]:
    stack.kill("valkey", signal.SIGSTOP)
    yield
    stack.kill("valkey", signal.SIGCONT)


@contextmanager
def _wiped(stack: Stack) -> Iterator[None]:
    with messages.broker(stack) as broker:
        broker.flushall()
    yield


STATES: dict[str, Callable[[Stack], AbstractContextManager[None]]] = {WELL: _well, "down": _down, "frozen": _frozen, "wiped": _wiped}
