"""The times that the model reads and writes, and the frames they stand for.

Frames carry integer milliseconds of the video. The model reads seconds from the window's start with one decimal, the form that it was
trained on (`<12.5 seconds>`), and with more only where frames lie so close that one would not tell them apart. What it writes is compared
with what was printed, so a text stands for one frame, and back.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from core.spans import Span


class Shown(NamedTuple):
    """A frame that was shown. `slack_ms`: how far the time that was stated lies from the one printed; zero within what the print tells."""

    pts_ms: int
    slack_ms: int


def decimals(frame_pts_ms: Sequence[int], window: Span) -> int:
    """How many decimals a window's times need: one where that tells all frames apart, three at the most."""

    def distinct(places: int) -> bool:
        return len({label(pts_ms, window, places=places) for pts_ms in frame_pts_ms}) == len(frame_pts_ms)

    return next((places for places in (1, 2) if distinct(places)), 3)


def label(pts_ms: int, window: Span, *, places: int = 3) -> str:
    """A frame's time as text: seconds from the window's start, such as `12.5`."""
    return f"{(pts_ms - window.start_ms) / 1000:.{places}f}"


def labels(frame_pts_ms: Sequence[int], window: Span) -> tuple[str, ...]:
    """The texts of a window's frames, all with the same number of decimals."""
    places = decimals(frame_pts_ms, window)
    return tuple(label(pts_ms, window, places=places) for pts_ms in frame_pts_ms)


def nearest(time_s: float, frame_pts_ms: Sequence[int], window: Span) -> Shown:
    """The shown frame whose printed time is nearest to a stated one (seconds from the window's start); the earlier of two as near.

    `frame_pts_ms` is in order and not empty.
    """
    printed_ms = [round(float(text) * 1000) for text in labels(frame_pts_ms, window)]
    stated_ms = round(time_s * 1000)
    after = bisect_left(printed_ms, stated_ms)
    found = min(range(max(after - 1, 0), min(after + 1, len(printed_ms))), key=lambda at: abs(printed_ms[at] - stated_ms))
    off_ms = abs(printed_ms[found] - stated_ms)
    told_ms = 500 // 10 ** decimals(frame_pts_ms, window)
    return Shown(frame_pts_ms[found], off_ms if off_ms > told_ms else 0)


def sampling_gap_ms(frame_pts_ms: Sequence[int], window: Span) -> int:
    """The usual distance between neighbouring frames (the median); the whole window where there is only one."""
    steps = sorted(after - before for before, after in pairwise(frame_pts_ms))
    return steps[len(steps) // 2] if steps else window.length_ms
