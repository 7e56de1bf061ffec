"""Where windows lie and which frames are sampled: pure functions of the duration and of the frames' times.

Both look at the whole video, never at the part that is being decoded, so that every worker chooses the same windows and frames.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice

from core.spans import Span
from core.timeline import windows
from workers.frames.frame import SegmentPlan, WindowPlan

# So few windows are decoded in one go; of more a second worker gets its part.
SINGLE = 4
# Fewer windows than this are not worth a process of their own.
LEAST = 2


def cut(duration_ms: int, *, window_ms: int, overlap_ms: int, windows_per_segment: int) -> tuple[SegmentPlan, ...]:
    """The windows of `core.timeline`; some in a row make a segment, `windows_per_segment` at the most. Raises ValueError as it does."""
    if windows_per_segment < 1:
        raise ValueError(f"no timeline: {windows_per_segment=}")
    spans = windows(duration_ms, window_ms=window_ms, overlap_ms=overlap_ms)
    plans = iter([WindowPlan(seq, span) for seq, span in enumerate(spans)])
    return tuple(SegmentPlan(seq, tuple(islice(plans, size))) for seq, size in enumerate(_sizes(len(spans), windows_per_segment)))


def _sizes(count: int, most: int) -> Iterator[int]:
    """How many windows each segment has, in order. Two are equal; of more the last ones get smaller and smaller, so that whoever takes the
    last one keeps nobody waiting for long.
    """
    if count <= min(SINGLE, most):
        yield count
    elif count <= 2 * most:
        yield from (count - count // 2, count // 2)
    else:
        while count:
            size = min(count, most, max(count - count // 2, LEAST))
            count -= size
            yield size


def wanted(span: Span, *, fps: float, pts_ms: Sequence[int], key_ms: Sequence[int] = ()) -> tuple[int, ...]:
    """The times of the frames to sample in the span, out of all the presented frames of the video (`pts_ms`, ascending), some of them
    key frames (`key_ms`, ascending).

    One frame is sampled for each of the times k / fps, counted from the first frame of the video: of the key frames within half an
    interval the nearest, for key frames cost least; where there is none, the nearest frame. Of two equally near ones it is the earlier.
    The first frame of the video is sampled, and the last, unless a key frame is that lies within half an interval before it.
    """
    grid = _Grid(_rate(fps), pts_ms, key_ms)
    first, last = bisect_left(pts_ms, span.start_ms), bisect_left(pts_ms, span.end_ms)
    return tuple(dict.fromkeys(pts_ms[place] for place in range(first, last) if grid.samples(place)))


def near_grid(times_ms: Sequence[int], *, fps: float, tolerance_ms: int) -> tuple[int, ...]:
    """Those of the times that are no farther than the tolerance from one of the times k / fps."""
    interval_ms = 1000 / _rate(fps)
    return tuple(time for time in times_ms if abs(time - round(time / interval_ms) * interval_ms) <= tolerance_ms)


def sampled_before(time_ms: int, *, fps: float, pts_ms: Sequence[int], key_ms: Sequence[int] = ()) -> int | None:
    """The sampled frame next before the time; None where there is none."""
    grid = _Grid(_rate(fps), pts_ms, key_ms)
    return next((pts_ms[place] for place in range(bisect_left(pts_ms, time_ms) - 1, -1, -1) if grid.samples(place)), None)


def _rate(fps: float) -> Fraction:
    if fps <= 0:
        raise ValueError(f"no frames a second: {fps=}")
    return Fraction(fps).limit_denominator(1_000_000)


class _Grid:
    """The times k / rate, and whose they are. Inside, a time is counted in whole numbers: twice its milliseconds times the rate's
    numerator, so that the times of the grid are the multiples of `step`.
    """

    def __init__(self, rate: Fraction, pts_ms: Sequence[int], key_ms: Sequence[int]) -> None:
        self._unit = 2 * rate.numerator
        self._step = 2000 * rate.denominator
        self._pts = pts_ms
        self._keys = key_ms

    def samples(self, place: int) -> bool:
        if place == 0 or self._is_best_key(self._pts[place]):
            return True
        return not self._ends_with_key() if place == len(self._pts) - 1 else self._is_nearest_without_key(place)

    def _ends_with_key(self) -> bool:
        """Whether the last key frame is sampled and stands for the end of the video too."""
        last = self._keys[-1] if self._keys else None
        return last is not None and (self._pts[-1] - last) * self._unit * 2 <= self._step and self._is_best_key(last)

    def _is_best_key(self, time: int) -> bool:
        """Whether this is a key frame, and the nearest one to the time in whose cell it lies: half a step to each side of it."""
        place = bisect_left(self._keys, time)
        if place == len(self._keys) or self._keys[place] != time:
            return False
        cell = self._cell(time)
        rivals = [key for key in self._keys[max(place - 1, 0) : place + 2] if self._cell(key) == cell]
        return min(rivals, key=lambda key: (abs(key * self._unit - cell * self._step), key)) == time

    def _is_nearest_without_key(self, place: int) -> bool:
        """Whether a time of the grid whose cell holds no key frame lies between half way to the frame before and half way to that after."""
        before, own, after = self._pts[place - 1 : place + 2]
        half_way = (before + own) * self._unit // 2, (own + after) * self._unit // 2
        numbers = range(half_way[0] // self._step + 1, half_way[1] // self._step + 1)
        return any(not self._has_key(number) for number in numbers)

    def _cell(self, time: int) -> int:
        return (time * self._unit + self._step // 2) // self._step

    def _has_key(self, number: int) -> bool:
        place = bisect_left(self._keys, number, key=self._cell)
        return place < len(self._keys) and self._cell(self._keys[place]) == number
