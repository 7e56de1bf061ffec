"""Processes that lost their parent come to this one (prctl(2), `PR_SET_CHILD_SUBREAPER`), so that none can hide from its survivors."""

import contextlib
import ctypes
import os

import psutil

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def survivors() -> list[str]:
    """Processes below this one, in words."""
    found = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
    return found
