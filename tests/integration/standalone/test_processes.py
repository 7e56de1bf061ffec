import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from standalone.processes import Command, Leash
from tests.integration.standalone.processes import all_gone, number_in

ROOT = Path(__file__).parents[3]

# A child that starts a child of its own, like a Celery worker, and one that writes down who they are.
CHILD = """
import os, pathlib, subprocess, sys
grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
pathlib.Path('grandchild').write_text(f'{grandchild.pid}\\n')
grandchild.wait()
"""
HOLDER = f"""
import os, pathlib, sys
from standalone.processes import Command, Leash
here = pathlib.Path(sys.argv[1])
with Leash() as leash:
    child = leash.start(Command((sys.executable, '-c', {CHILD!r}), {{}}, here), here / 'log')
    (here / 'child').write_text(f'{{child.pid}}\\n')
    while sys.stdin.readline():
        leash.guard()
        (here / 'guarded').write_text(f'{{os.getpid()}}\\n')
"""


@contextmanager
def holder(here: Path) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process, psutil.Process]]:
    """A process that holds a leash, with the child and the grandchild on it. Each line of its input asks for a new
    watchdog, and it lets go when its input ends."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, here], cwd=ROOT, stdin=subprocess.PIPE) as process:
        yield process, psutil.Process(number_in(here / "child")), psutil.Process(number_in(here / "grandchild"))


def test_a_leash_that_closes_ends_children_and_grandchildren(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, child, grandchild):
        process.communicate()
        assert all_gone([child, grandchild])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV])
def test_a_holder_ended_by_a_signal_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with holder(tmp_path) as (process, child, grandchild):
        everybody = psutil.Process(process.pid).children(recursive=True)
        assert {child, grandchild} < set(everybody), "the watchdog is there too"
        process.send_signal(number)
        process.wait()
        assert all_gone(everybody)


def test_a_child_ends_with_its_holder_when_the_watchdog_was_killed_before(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, child, grandchild):
        (watchdog,) = set(psutil.Process(process.pid).children()) - {child}
        watchdog.kill()
        process.kill()
        assert all_gone([child])
        grandchild.kill()


def test_a_new_watchdog_knows_those_who_run_already(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, child, grandchild):
        (watchdog,) = set(psutil.Process(process.pid).children()) - {child}
        watchdog.kill()
        assert all_gone([watchdog])
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert number_in(tmp_path / "guarded") == process.pid
        process.kill()
        assert all_gone([child, grandchild])


def test_the_number_of_a_process_that_ended_belongs_to_nobody_else_until_it_is_released(tmp_path: Path) -> None:
    with Leash() as leash:
        process = leash.start(Command((sys.executable, "-c", "raise SystemExit(3)"), {}, tmp_path), tmp_path / "log")
        assert process.wait(10)
        assert process.exit_code == 3
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        leash.release(process)
        assert not psutil.pid_exists(process.pid)
        assert process.exit_code is not None, "it is remembered"
