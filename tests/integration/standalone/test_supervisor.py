import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import psutil
import pytest

from standalone.processes import CannotStart, Command, Leash, wait_until
from standalone.supervisor import Supervisor
from tests.integration.standalone.processes import all_gone, command_line, number_in

# Says when it is up, and writes down when it is told to stop.
OBEDIENT = """
import pathlib, signal, sys
def stop(*_):
    with open('stopped', 'a') as file: file.write(sys.argv[1] + ' ')
    sys.exit()
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[1] + '.up').touch()
while True: signal.pause()
"""
STUBBORN = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1] + '.up').touch()
while True: signal.pause()
"""
WITH_A_CHILD = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
pathlib.Path('grandchild').write_text(f'{child.pid}\\n')
pathlib.Path(sys.argv[1] + '.up').touch()
child.wait()
"""


@dataclass
class Script:
    """A part that is a few lines of Python, run in `here`."""

    name: str
    code: str
    here: Path
    stop_signal: Signals = SIGTERM
    ready_s: float = 10

    def prepare(self) -> None:
        (self.here / f"{self.name}.up").unlink(missing_ok=True)

    def command(self) -> Command:
        return Command((sys.executable, "-c", self.code, self.name), {}, self.here)

    def is_ready(self) -> bool:
        return (self.here / f"{self.name}.up").exists()


@dataclass
class Told:
    """What a supervisor told."""

    lines: list[str] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)

    def supervisor(self, leash: Leash, logs: Path) -> Supervisor:
        return Supervisor(leash, logs, report=self.lines.append, changed=self.pids.update)


def tend_until(supervisor: Supervisor, happened: Callable[[], bool]) -> bool:
    def tended() -> bool:
        supervisor.tend()
        return happened()

    return wait_until(tended, timeout_s=20)


def test_stages_stop_in_the_reverse_order(tmp_path: Path) -> None:
    with Leash() as leash:
        supervisor = Told().supervisor(leash, tmp_path)
        for name in ("first", "second", "third"):
            supervisor.start(Script(name, OBEDIENT, tmp_path))
            supervisor.await_ready()
        supervisor.stop()
    assert (tmp_path / "stopped").read_text() == "third second first "


def test_a_part_that_will_not_stop_is_killed_in_time(tmp_path: Path) -> None:
    told = Told()
    with Leash() as leash:
        supervisor = told.supervisor(leash, tmp_path)
        supervisor.start(Script("stubborn", STUBBORN, tmp_path))
        supervisor.await_ready()
        stubborn = psutil.Process(told.pids["stubborn"])
        supervisor.stop(within_s=0.5)
        assert not stubborn.is_running()
    assert told.lines == ["stubborn did not stop in time and was killed."]


def test_a_part_that_was_killed_runs_again_and_what_it_left_behind_is_gone(tmp_path: Path) -> None:
    told, part = Told(), Script("worker", WITH_A_CHILD, tmp_path)
    with Leash() as leash:
        supervisor = told.supervisor(leash, tmp_path)
        supervisor.start(part)
        supervisor.await_ready()
        worker, child = psutil.Process(told.pids["worker"]), psutil.Process(number_in(tmp_path / "grandchild"))
        worker.send_signal(SIGKILL)
        assert tend_until(supervisor, lambda: told.pids["worker"] != worker.pid and part.is_ready())
        assert all_gone([worker, child])
    assert told.lines == [f"worker was killed by SIGKILL; starting it again in 1 s. See {tmp_path / 'worker.log'}."]


def test_a_part_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    told = Told()
    with Leash() as leash:
        supervisor = told.supervisor(leash, tmp_path)
        supervisor.start(Script("worker", "raise SystemExit(3)", tmp_path))
        assert tend_until(supervisor, lambda: len(told.lines) == 3)
    waits = [line.partition("again in ")[2].partition(" s.")[0] for line in told.lines]
    assert waits == ["1", "2", "4"]
    assert "ended with exit code 3" in told.lines[0]


def test_a_part_that_ends_before_it_is_ready_is_quoted(tmp_path: Path) -> None:
    with Leash() as leash:
        supervisor = Told().supervisor(leash, tmp_path)
        supervisor.start(Script("worker", "raise SystemExit('no such queue')", tmp_path))
        with pytest.raises(CannotStart, match=r"worker ended with exit code 1(.|\n)*no such queue"):
            supervisor.await_ready()


def test_a_part_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    with Leash() as leash:
        supervisor = Told().supervisor(leash, tmp_path)
        supervisor.start(Script("worker", "import time; time.sleep(600)", tmp_path, ready_s=0.5))
        with pytest.raises(CannotStart, match="worker is not ready after"):
            supervisor.await_ready()


def test_a_killed_watchdog_is_replaced(tmp_path: Path) -> None:
    others = watchdogs()
    with Leash() as leash:
        (former,) = watchdogs() - others
        former.kill()
        assert all_gone([former])
        Told().supervisor(leash, tmp_path).tend()
        (watchdog,) = watchdogs() - others
        assert watchdog != former


def watchdogs() -> set[psutil.Process]:
    mine = psutil.Process().children()
    return {child for child in mine if "watchdog.py" in command_line(child)}


def test_a_long_log_is_moved_aside_and_goes_on(tmp_path: Path) -> None:
    with Leash() as leash:
        supervisor = Told().supervisor(leash, tmp_path)
        supervisor.start(Script("worker", OBEDIENT, tmp_path))
        supervisor.await_ready()
        with (tmp_path / "worker.log").open("ab") as log:
            log.truncate(21 * 1024**2)
        supervisor.tend()
        assert (tmp_path / "worker.log").stat().st_size == 0
        assert (tmp_path / "worker.log.1").stat().st_size == 21 * 1024**2
