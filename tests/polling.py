"""Waiting for what other threads and processes do: by looking, with a deadline, and never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL_S = 0.02


def wait_until(look: Callable[[], T], what: str, *, timeout_s: float = 30) -> T:
    """What `look` gives once it is true. Raises `AssertionError` naming what was waited for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(INTERVAL_S)
    raise AssertionError(f"waited {timeout_s} s for {what}")
