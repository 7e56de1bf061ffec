"""Child processes that cannot outlive the process that started them, however it ends.

Two nets, since each has holes. PDEATHSIG (Linux) makes the kernel kill a child when the *thread* that started it dies: start processes
from the main thread. It does not reach grandchildren, so each child leads a process group, and a watchdog kills the groups.
Programs that leave the group (Postgres' backends, the decoder) end by themselves when their own parent dies.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from standalone import tether, watchdog

POLL_S = 0.03
PLAIN_PYTHON = (sys.executable, "-I", "-S")  # starts in 10 ms


class CannotStart(Exception):
    """Something keeps the stack from starting; the message says what, and what to do."""


class Owner(NamedTuple):
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """What to run; `env` is added to the environment of this process, `owner` is whom to run it as (root only)."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    owner: Owner | None = None


class Answer(NamedTuple):
    """How a short program ended, and what it wrote."""

    code: int
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        return "\n".join((self.errors or self.output).splitlines()[-15:])


class Process:
    """A running child, leader of a process group and a session of its own.

    One that ended is kept as a zombie until `kill_group`: so neither its number nor its group's can belong to somebody else by then.
    """

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.log = log
        self.started = time.monotonic()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        if self._popen.returncode is not None:
            return self._popen.returncode
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return self._popen.poll()
        seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return None
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status

    @property
    def ended(self) -> str:
        """How it ended, in words: `was killed by SIGKILL`."""
        code = self.exit_code or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""
        if self.exit_code is None:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended in time."""
        return wait_until(lambda: self.exit_code is not None, timeout_s=timeout_s)

    def kill_group(self) -> None:
        """Kill it with everything that it left behind in its group; once."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 200 * lines))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


class Leash:
    """Starts processes; when it closes, or the process that holds it is gone, all of them are killed. Use as a context manager."""

    def __enter__(self) -> Self:
        self._running: dict[int, Process] = {}
        self._watchdog = _watchdog()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in list(self._running.values()):
            self.release(process)
        self._watchdog.communicate()

    def guard(self) -> None:
        """Replace a watchdog that was killed; call now and then."""
        if self._watchdog.poll() is not None:
            self._watchdog.communicate()
            self._watchdog = _watchdog()
            for pid in self._running:
                self._tell(f"+{pid}")

    def start(self, command: Command, log: Path) -> Process:
        """Output goes to the end of `log`, whose folder must exist."""
        with log.open("ab") as output:
            popen = _popen(command, output)
        process = Process(popen, log)
        self._running[process.pid] = process
        self._tell(f"+{process.pid}")
        return process

    def release(self, process: Process) -> None:
        """Kill what is left of a process and forget it."""
        if self._running.pop(process.pid, None):
            self._tell(f"-{process.pid}")
            process.kill_group()

    def _tell(self, line: str) -> None:
        assert self._watchdog.stdin
        with contextlib.suppress(BrokenPipeError):  # somebody killed the watchdog; see `guard`
            self._watchdog.stdin.write(f"{line}\n".encode())


def _watchdog() -> subprocess.Popen[bytes]:
    return subprocess.Popen([*PLAIN_PYTHON, watchdog.__file__], stdin=subprocess.PIPE, bufsize=0, start_new_session=True)


def run(command: Command, said: str = "") -> Answer:
    """Run something short to its end, with `said` as its input. A program that is not there answers with code 127."""
    popen = _popen(command, subprocess.PIPE, stdin=subprocess.PIPE, errors=subprocess.PIPE)
    output, errors = popen.communicate(said.encode())
    return Answer(popen.returncode, output.decode(errors="replace").strip(), errors.decode(errors="replace").strip())


def _popen(
    command: Command, output: IO[bytes] | int, *, stdin: int = subprocess.DEVNULL, errors: int = subprocess.STDOUT
) -> subprocess.Popen[bytes]:
    """In a session of its own, so that a Ctrl-C reaches the launcher alone, which ends the rest in order."""
    owner = f"{command.owner.uid}:{command.owner.gid}" if command.owner else ""
    return subprocess.Popen(
        [*PLAIN_PYTHON, tether.__file__, str(os.getpid()), owner, *command.argv],
        env={**os.environ, **command.env},
        cwd=command.cwd,
        stdin=stdin,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )


# Below those that kernels give to outgoing connections (from 32,768 on), so that none of these takes the port before the program listens.
PORTS = range(16_384, 32_768)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now. Raises `CannotStart` when none can be found."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise CannotStart("Of 100 TCP ports of 127.0.0.1 tried, none is free.")


def wait_until(happened: Callable[[], bool], *, timeout_s: float, pause: Callable[[float], None] = time.sleep) -> bool:
    """Whether it happened in time. `pause` sleeps between two looks, and may raise to end the wait."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        pause(POLL_S)
    return True


def secret(path: Path, generate: Callable[[], str]) -> str:
    """The secret kept in a file that only its owner can read; made on first use."""
    if not path.exists():
        write_secret(path, generate())
    return path.read_text().strip()


def write_secret(path: Path, text: str) -> None:
    """Atomic, mode 0600."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(text + "\n")
    draft.replace(path)
