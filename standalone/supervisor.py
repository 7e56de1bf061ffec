"""Keeps parts running: starts them in stages, starts again what ends, and stops them in the reverse order."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from standalone.part import Part, await_ready, start
from standalone.processes import Leash, Process

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0  # whatever ran for so long starts again at once
STAGE_SHARE = 0.15  # of the time to stop, kept for each stage that comes later
LONGEST_LOG = 20 * 1024**2  # bytes


@dataclass
class Running:
    """A part and its present process; `again_at` is when to start it again, on the monotonic clock, while it is not running."""

    part: Part
    process: Process
    delay_s: float = 0.0
    again_at: float | None = None


class Supervisor:
    """`report` takes lines for people; `changed` is called with the process id of each part whenever one changes."""

    def __init__(self, leash: Leash, logs: Path, *, report: Callable[[str], None], changed: Callable[[dict[str, int]], None]) -> None:
        self._leash = leash
        self._logs = logs
        self._report = report
        self._changed = changed
        self._stages: list[list[Running]] = []

    def start(self, *parts: Part) -> None:
        """Start a stage: parts that need those before them, and not each other."""
        stage: list[Running] = []
        self._stages.append(stage)
        stage.extend(Running(part, start(part, self._leash, self._logs)) for part in parts)
        self._tell_changed()

    def await_ready(self, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Return once all parts of the last stage are ready; see `wait_until` for `pause`.

        Raises:
            CannotStart: one of them is not.
        """
        await_ready(*((running.part, running.process) for running in self._stages[-1]), pause=pause)

    def tend(self) -> None:
        """Start again what ended, and keep the logs short; call a few times a second."""
        for running in self._all():
            if running.again_at is None and running.process.exit_code is not None:
                self._bury(running)
            if running.again_at is not None and time.monotonic() >= running.again_at:
                running.process, running.again_at = start(running.part, self._leash, self._logs), None
                self._tell_changed()
            _shorten(running.process.log)
        self._leash.guard()

    def stop(self, *, within_s: float = 28.0) -> None:
        """Stop the stages in reverse order; what does not end in time is killed. The last stage may take most of the time."""
        deadline = time.monotonic() + within_s
        for left, stage in reversed(list(enumerate(self._stages))):
            stage_deadline = deadline - left * within_s * STAGE_SHARE
            for running in stage:
                running.process.signal(running.part.stop_signal)
            for running in stage:
                if not running.process.wait(stage_deadline - time.monotonic()):
                    self._report(f"{running.part.name} did not stop in time and was killed.")
                self._leash.release(running.process)

    def _all(self) -> list[Running]:
        return [running for stage in self._stages for running in stage]

    def _tell_changed(self) -> None:
        self._changed({running.part.name: running.process.pid for running in self._all()})

    def _bury(self, running: Running) -> None:
        """Kill what the dead part left behind, and set the time of its return: soon, and later each time it dies young."""
        lived_s = time.monotonic() - running.process.started
        running.delay_s = FIRST_DELAY_S if lived_s > STEADY_S else min(max(running.delay_s * 2, FIRST_DELAY_S), LONGEST_DELAY_S)
        running.again_at = time.monotonic() + running.delay_s
        self._leash.release(running.process)
        self._report(
            f"{running.part.name} {running.process.ended}; starting it again in {running.delay_s:.0f} s. See {running.process.log}."
        )


def _shorten(log: Path) -> None:
    """Move a long log aside. Copied and cut, as the process that writes it holds the file open (for appending)."""
    if log.stat().st_size > LONGEST_LOG:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        with log.open("r+b") as file:
            file.truncate(0)
