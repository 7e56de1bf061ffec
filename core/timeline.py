"""Where windows lie: a pure function of the duration, which whoever plans the work and whoever only counts it share."""

from core.spans import Span

# A tail that would add less than window / SHORT_TAIL to the window before it is taken into that one.
SHORT_TAIL = 8


def windows(duration_ms: int, *, window_ms: int, overlap_ms: int) -> tuple[Span, ...]:
    """Windows of `window_ms`, one every `window_ms - overlap_ms`, that cover [0, duration) without a hole.

    The last one ends with the video. Where it would show less than an eighth of a window that the one before does not show, there is no
    such window: the one before is that much longer. Raises ValueError where there is nothing to cut, or no way to.
    """
    if duration_ms <= 0 or not 0 <= overlap_ms < window_ms:
        raise ValueError(f"no timeline: {duration_ms=} {window_ms=} {overlap_ms=}")
    starts = [0]
    while (duration_ms - starts[-1] - window_ms) * SHORT_TAIL >= window_ms:
        starts.append(starts[-1] + window_ms - overlap_ms)
    ends = [start + window_ms for start in starts[:-1]] + [duration_ms]
    return tuple(Span(start, end) for start, end in zip(starts, ends, strict=True))
