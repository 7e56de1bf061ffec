"""Seeing whether processes are really gone."""

import os
from pathlib import Path

import psutil

from standalone.processes import wait_until


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it now."""
    head = psutil.Process(pid)
    return [head, *head.children(recursive=True)]


def all_gone(processes: list[psutil.Process], *, timeout_s: float = 10) -> bool:
    """Whether none of them runs any more, in time; a zombie has ended."""
    return wait_until(lambda: not any(_runs(process) for process in processes), timeout_s=timeout_s)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(process: psutil.Process) -> str:
    """Empty for a process that has ended, a zombie too."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def number_in(path: Path, *, timeout_s: float = 10) -> int:
    """A process id that somebody writes into a file, once it is there."""
    assert wait_until(lambda: path.exists() and path.read_text().endswith("\n"), timeout_s=timeout_s), f"{path} did not appear"
    return int(path.read_text())


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
