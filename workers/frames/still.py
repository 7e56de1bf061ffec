"""Which of a window's frames are worth showing where nothing changes: a pure function of their signals."""

from dataclasses import replace

from workers.frames.frame import Frame, SampledWindow

PEAK = 6.0
"""A frame is the same as the sampled one before it where no part of the picture differs by more (see `Signals.peak`). Noise and compression
of cameras that see nothing stay below (measured: 2 to 6); somebody who walks through a corner of the picture does not (9 and more).
"""


def thinned(window: SampledWindow, *, max_gap_ms: int) -> SampledWindow:
    """The window without frames that show what the one before showed.

    Both frames around each change stay, so that a boundary is as sharp as it was; and the first and the last; and no two that stay are
    farther apart than `max_gap_ms`, if there were frames between them.
    """
    frames = window.frames
    kept: list[Frame] = []
    for place, frame in enumerate(frames):
        at_edge = place in (0, len(frames) - 1)
        changes = _changes(frame) or (not at_edge and _changes(frames[place + 1]))
        waited = not at_edge and bool(kept) and frames[place + 1].pts_ms - kept[-1].pts_ms > max_gap_ms
        if at_edge or changes or waited:
            kept.append(frame)
    return replace(window, frames=tuple(kept))


def _changes(frame: Frame) -> bool:
    return frame.signals.peak is None or frame.signals.peak > PEAK
