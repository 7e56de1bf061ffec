"""A detection placed in its window, ready to be compared with those of the windows beside it."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from core.spans import Span
from workers.events.boundaries import Boundary, seen_end, seen_start
from workers.events.detection import Detection, WindowResult


@dataclass(slots=True, eq=False)
class Sighting:
    """A detection, with the first and the last frame that show it: their positions among those of its window, and their times.

    `tells_start` and `tells_end` are taken back when another window saw several occurrences in the place of this one: then its start
    is the start of the first of them, its end the end of the last (see `matching`).
    """

    window: WindowResult
    window_order: int
    index: int
    detection: Detection
    first: int
    last: int
    first_ms: int
    last_ms: int
    tells_start: bool = True
    tells_end: bool = True

    @property
    def shown_ms(self) -> int:
        return self.last_ms - self.first_ms

    @property
    def start(self) -> Boundary | None:
        """None where the window did not see the start."""
        return seen_start(self.window.frame_pts_ms, self.first, slack_ms=self.detection.start_slack_ms)

    @property
    def end(self) -> Boundary | None:
        """None where the window did not see the end; not for an instant."""
        return seen_end(self.window.frame_pts_ms, self.last, slack_ms=self.detection.end_slack_ms)

    @property
    def span(self) -> Span:
        """The time that is taken to show it, as far as the window looked; for an instant, the time in which the change lies."""
        frames = self.window.frame_pts_ms
        if self.detection.instant:
            return Span(frames[self.first - 1] + 1 if self.first else self.first_ms, self.first_ms + 1)
        start, end = self.start, self.end
        return Span(start.at_ms if start else self.first_ms, end.at_ms if end else self.last_ms + 1)

    def edge_distance_ms(self, at_ms: int) -> int:
        """How far inside its window a time lies. Windows are blind beyond their edges, and models are worst near them."""
        return min(at_ms - self.window.span.start_ms, self.window.span.end_ms - at_ms)

    def nearest_ms(self, pts_ms: int) -> int:
        """The frame nearest to a time, of those that show it."""
        frames = self.window.frame_pts_ms
        after = bisect_left(frames, pts_ms, self.first, self.last)
        if after > self.first and pts_ms - frames[after - 1] <= frames[after] - pts_ms:
            return frames[after - 1]
        return frames[after]


def sight(window: WindowResult, window_order: int, index: int) -> Sighting:
    """Place one detection of a window that has frames. An open end is taken at its word: the window's edge frame shows it."""
    detection, frames = window.detections[index], window.frame_pts_ms
    first = 0 if detection.open_start else min(bisect_left(frames, detection.first_pts_ms), len(frames) - 1)
    if detection.instant:
        last = first
    else:
        last = len(frames) - 1 if detection.open_end else max(first, bisect_right(frames, detection.last_pts_ms) - 1)
    return Sighting(window, window_order, index, detection, first, last, frames[first], frames[last])
