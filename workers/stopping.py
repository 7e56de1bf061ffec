"""Whether this worker was told to stop, known in all of its processes and threads at once."""

import mmap
import time


class Stopping(Exception):
    """The worker was told to stop: what it holds goes back, for others to take."""


class Stop:
    """Told once to a worker's first process, heard in those of its pool, which are forked: the memory is shared."""

    def __init__(self) -> None:
        self._since_ms = mmap.mmap(-1, 8)

    def tell(self) -> None:
        """Safe in a signal handler."""
        self._since_ms[:] = int(time.monotonic() * 1000).to_bytes(8)

    @property
    def told(self) -> bool:
        return self._since() > 0

    def told_since(self, seconds: float) -> bool:
        """Whether it was told, and so long ago."""
        return self.told and time.monotonic() * 1000 - self._since() >= seconds * 1000

    def _since(self) -> int:
        return int.from_bytes(self._since_ms[:])


STOP = Stop()
"""This worker's; made before any fork."""
