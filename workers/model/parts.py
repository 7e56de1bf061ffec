"""Parts of a window's frames: what is asked in one call, and how one is cut where it asks too much."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from core.spans import Span

OVERLAP = 16
"""Parts share one frame in so many, one at the least, so that what goes on over a cut is seen from both sides."""

TELLING = 4
"""With fewer frames there is nothing to share: each is asked about once."""


class Part(NamedTuple):
    """Frames by their positions in the window, `[first, end)`."""

    first: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.first

    def span(self, frame_pts_ms: Sequence[int], window: Span) -> Span:
        """The time that these frames stand for: up to the next frame, and to the window's ends where they are its first or its last."""
        start_ms = window.start_ms if self.first == 0 else frame_pts_ms[self.first]
        return Span(start_ms, window.end_ms if self.end == len(frame_pts_ms) else frame_pts_ms[self.end])

    def halves(self) -> tuple["Part", ...]:
        return self.slices(ceil(self.size / 2) + self._shared)

    def slices(self, at_most: int) -> tuple["Part", ...]:
        """Parts in order, of so many frames at the most (at least 1), that share frames where there is room for it."""
        if self.size <= at_most:
            return (self,)
        shared = min(self._shared, at_most - 1)
        step = at_most - shared
        count = ceil((self.size - shared) / step)
        # As even as can be: the last would be a crumb else.
        size = ceil((self.size - shared) / count)
        starts = range(self.first, self.end - shared, size)
        return tuple(Part(start, min(start + size + shared, self.end)) for start in starts)

    @property
    def _shared(self) -> int:
        return max(self.size // OVERLAP, 1) if self.size >= TELLING else 0


def whole(frames: Sequence[object]) -> Part:
    return Part(0, len(frames))
