"""System calls that the decoder's process has no use for, refused by a seccomp filter that can't be taken off again.

What Landlock and namespaces leave open is here: sockets of any kind where there is no network namespace, other processes of the same
user, the modes and attributes of files, and parts of the kernel that are known for their bugs. Threads can be started, processes can't.
"""

import ctypes
import errno
import os
import platform
from collections.abc import Iterable
from struct import pack
from typing import NamedTuple

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; both architectures are little-endian
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
CLONE_THREAD = 0x10000
X32 = 0x40000000  # a second set of numbers for the same calls


class Architecture(NamedTuple):
    """`audit`: what the kernel calls it (linux/audit.h)."""

    audit: int
    column: int


ARCHITECTURES = {"x86_64": Architecture(0xC000003E, 0), "aarch64": Architecture(0xC00000B7, 1)}

CLONE, CLONE3 = (56, 220), (435, 435)

# Numbers on x86_64 and aarch64; a call that an architecture does not have is None.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "prlimit64": (302, 261),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "truncate": (76, 45),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}


def confine() -> None:
    """Refuse them, and new processes, to this thread and to those that it will start, for ever. The process must have given up new
    privileges before.

    Raises OSError: the architecture is not known here, or the kernel or a container does not allow filters.
    """
    machine = _architecture()
    refuse(number for pair in REFUSED.values() if (number := pair[machine.column]) is not None)
    _install(machine, _only_threads(machine))


def refuse(numbers: Iterable[int]) -> None:
    """Have these calls fail with EPERM; what else holds of `confine` holds of this."""
    _install(_architecture(), (step for number in numbers for step in _answer(number, errno.EPERM)))


def _architecture() -> Architecture:
    machine = ARCHITECTURES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no system call numbers for {platform.machine()}")
    return machine


def _only_threads(machine: Architecture) -> Iterable[bytes]:
    # The flags of clone3 lie in memory, where a filter can't look; told that there is no such call, C libraries use clone.
    yield from _answer(CLONE3[machine.column], errno.ENOSYS)
    yield _instruction(EQUAL, CLONE[machine.column], otherwise=3)
    yield _instruction(LOAD, FIRST_ARGUMENT)
    yield _instruction(ANY_BIT, CLONE_THREAD, then=1)
    yield _instruction(RETURN, REFUSE | errno.EPERM)


def _answer(number: int, error: int) -> Iterable[bytes]:
    yield _instruction(EQUAL, number, otherwise=1)
    yield _instruction(RETURN, REFUSE | error)


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One step of classic BPF, struct sock_filter; a jump says how many steps to skip if the test is true, and if it is false."""
    return pack("=HBBI", code, then, otherwise, value)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _install(machine: Architecture, rules: Iterable[bytes]) -> None:
    """The rules find the call's number loaded, if the call is one of this architecture; what no rule answers is allowed."""
    steps = [
        _instruction(LOAD, ARCHITECTURE),
        _instruction(EQUAL, machine.audit, then=1),
        _instruction(RETURN, KILL),
        _instruction(LOAD, NUMBER),
        _instruction(AT_LEAST, X32, otherwise=1),
        _instruction(RETURN, REFUSE | errno.EPERM),
        *rules,
        _instruction(RETURN, ALLOW),
    ]
    program = _Program(len(steps), b"".join(steps))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
