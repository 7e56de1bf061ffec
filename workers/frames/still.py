"""Which of a window's frames are worth showing where nothing changes: a pure function of their signals."""

from collections.abc import Sequence

PEAK = 6.0
"""A frame is the same as the sampled one before it where no part of the picture differs by more (see `Signals.peak`). Noise and compression
of cameras that see nothing stay below (measured: 2 to 6); somebody who walks through a corner of the picture does not (9 and more).
"""


def telling(pts_ms: Sequence[int], peaks: Sequence[float | None], *, max_gap_ms: int) -> list[int]:
    """The times of a window's frames without those that show what the one before showed; `peaks` has a number for each frame.

    Both frames around each change stay, so that a boundary is as sharp as it was; and the first and the last; and no two that stay are
    farther apart than `max_gap_ms`, if there were frames between them.
    """
    kept: list[int] = []
    for place, time in enumerate(pts_ms):
        at_edge = place in (0, len(pts_ms) - 1)
        changes = _changes(peaks[place]) or (not at_edge and _changes(peaks[place + 1]))
        waited = not at_edge and bool(kept) and pts_ms[place + 1] - kept[-1] > max_gap_ms
        if at_edge or changes or waited:
            kept.append(time)
    return kept


def _changes(peak: float | None) -> bool:
    return peak is None or peak > PEAK
