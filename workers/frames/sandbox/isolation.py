"""What the decoder's process gives up for good before it looks at hostile bytes. Linux alone.

Namespaces  a network of its own, without a single interface, and no capabilities in the one that it left
Landlock    no file can be opened but one, for reading
seccomp     no sockets, no processes, no programs, nothing changed in files that need not be opened for it (`syscalls`)

Each is asked of the kernel by itself, since containers and distributions withhold one or the other: Docker's default profile withholds
namespaces, so that there seccomp alone keeps the network shut.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import NamedTuple

from workers.frames.sandbox import syscalls

CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522

# landlock(7): the numbers are the same on every architecture. Rights by the version that brought them.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH_BENEATH = 1
READ_FILE = 1 << 2
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
TCP_RIGHTS = {4: 0b11}
SCOPES = {6: 0b11}  # abstract Unix sockets, signals to others

FILES = "open other files"
NETWORK = "reach the network"
EXPOSED = (FILES, NETWORK)


class Isolation(NamedTuple):
    """`missing`: what the kernel did not give, and why. `exposed`: what hostile code in the decoder could do therefore."""

    missing: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()


def isolate(readable: Path | None) -> Isolation:
    """Give up everything but one file to read, which must be a regular one. Call it while the process has one thread, and has imported
    all that it needs.
    """
    if sys.platform != "linux":
        return Isolation(("Landlock, namespaces and seccomp (this is not Linux)",), EXPOSED)
    libc = ctypes.CDLL(None, use_errno=True)
    layers: dict[str, Callable[[], object]] = {
        "namespaces": lambda: _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC)),
        "capabilities": lambda: _check(libc.capset(pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24))),
        "new privileges": lambda: _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
        "Landlock": lambda: _landlock(libc, readable),
        "seccomp": syscalls.confine,
    }
    failed = {name: error for name, give_up in layers.items() if (error := _failure(give_up))}
    exposed = ([FILES] if "Landlock" in failed else []) + ([NETWORK] if {"namespaces", "seccomp"} <= failed.keys() else [])
    return Isolation(tuple(f"{name} ({error})" for name, error in failed.items()), tuple(exposed))


def _failure(give_up: Callable[[], object]) -> str | None:
    try:
        give_up()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _landlock(libc: ctypes.CDLL, readable: Path | None) -> None:
    version = _check(libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG))
    # A kernel that knows a shorter form takes this one, as what it does not know is zero.
    attributes = pack(
        "=QQQ", *(sum(new for since, new in rights.items() if since <= version) for rights in (FILE_RIGHTS, TCP_RIGHTS, SCOPES))
    )
    ruleset = _check(libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    with _closing(ruleset):
        if readable is not None:
            _allow(libc, ruleset, readable)
        _check(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))


def _allow(libc: ctypes.CDLL, ruleset: int, file: Path) -> None:
    """A folder would bring all that is in it, so it brings nothing; what is not there brings nothing either."""
    try:
        place = os.open(file, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    with _closing(place):
        if stat.S_ISREG(os.fstat(place).st_mode):
            _check(libc.syscall(LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, pack("=Qi", READ_FILE, place), 0))


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
