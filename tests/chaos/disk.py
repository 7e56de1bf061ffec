"""A small file system in a mount namespace of this process's own, so that it can be filled; both end with the process."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
SIZE = b"size=256m"

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """The folder, a file system of its own, for this process and those that it starts; None where the machine permits none.

    To be entered before there are threads.
    """
    folder.mkdir()
    mounted = _enter_namespace() and _mount(b"small", folder, b"tmpfs", 0, SIZE)
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            _libc.umount2(os.fsencode(folder), MNT_DETACH)


def _enter_namespace() -> bool:
    if _libc.unshare(CLONE_NEWNS) != 0:
        uid, gid = os.geteuid(), os.getegid()
        if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", name).write_text(text)
    return _mount(b"none", Path("/"), b"", MS_REC | MS_PRIVATE, b"")


def _mount(source: bytes, folder: Path, kind: bytes, flags: int, data: bytes) -> bool:
    return bool(_libc.mount(source, os.fsencode(folder), kind or None, flags, data or None) == 0)
