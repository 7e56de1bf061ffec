"""What every part of the stack is: something to prepare, a command to run, and a way to tell that it is ready."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from standalone.processes import CannotStart, Command, Leash, Process, wait_until


class Part(Protocol):
    """`stop_signal` asks it to end soon and in order; `ready_s` is how long it may take until it is ready."""

    @property
    def name(self) -> str: ...

    @property
    def stop_signal(self) -> signal.Signals: ...

    @property
    def ready_s(self) -> float: ...

    def prepare(self) -> None:
        """Make what it needs; harmless when it is there already."""

    def command(self) -> Command: ...

    def is_ready(self) -> bool: ...


def start(part: Part, leash: Leash, logs: Path) -> Process:
    """Run a part, not waiting for it; its output goes to `logs / "NAME.log"`."""
    part.prepare()
    return leash.start(part.command(), logs / f"{part.name}.log")


def await_ready(*started: tuple[Part, Process], pause: Callable[[float], None] = time.sleep) -> None:
    """Return once all of them are ready; see `wait_until` for `pause`.

    Raises:
        CannotStart: one of them ended, or took too long; with the end of its log.
    """
    waiting = [(part, process, process.started + part.ready_s) for part, process in started]

    def all_ready() -> bool:
        for part, process, deadline in waiting:
            if process.exit_code is not None:
                raise _quoted(f"{part.name} {process.ended}", process)
            if time.monotonic() > deadline and not part.is_ready():
                raise _quoted(f"{part.name} is not ready after {part.ready_s:.0f} s", process)
        return all(part.is_ready() for part, _, _ in waiting)

    wait_until(all_ready, timeout_s=math.inf, pause=pause)


def _quoted(what: str, process: Process) -> CannotStart:
    return CannotStart(f"{what}. The end of {process.log}:\n{process.last_words()}")


@contextmanager
def running(part: Part, logs: Path, *, stop_s: float = 10) -> Iterator[Process]:
    """One part on its own, ready; stopped in order afterwards, killed where that takes more than `stop_s` seconds.

    Raises:
        CannotStart: see `await_ready`.
    """
    with Leash() as leash:
        process = start(part, leash, logs)
        try:
            await_ready((part, process))
            yield process
        finally:
            process.signal(part.stop_signal)
            process.wait(stop_s)
