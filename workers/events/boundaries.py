"""Where an event begins and ends, and how sure that is, from the frames that show it and the frames that do not.

Frames are samples: a boundary lies somewhere between the last frame on one side and the first on the other. What is stated is the
middle, and an uncertainty that reaches every time at which the boundary may lie.
"""

from collections.abc import Sequence
from typing import NamedTuple

from core.spans import Span
from workers.events.detection import WindowResult


class Boundary(NamedTuple):
    """A stated time, and the stretch `[earliest_ms, latest_ms]` in which the true one lies."""

    at_ms: int
    earliest_ms: int
    latest_ms: int

    @property
    def uncertainty_ms(self) -> int:
        """How far the true time may lie from the stated one, either way."""
        return max(self.at_ms - self.earliest_ms, self.latest_ms - self.at_ms)

    def reaching(self, *, earliest_ms: int, latest_ms: int) -> "Boundary":
        """The same stated time, less sure of itself: the truth may also lie in the stretch given."""
        return Boundary(self.at_ms, min(self.earliest_ms, earliest_ms), max(self.latest_ms, latest_ms))

    def agrees_with(self, other: "Boundary") -> bool:
        """Whether there is a time that both allow; two stretches that only touch come from different frames and do not agree."""
        same = (self.earliest_ms, self.latest_ms) == (other.earliest_ms, other.latest_ms)
        return same or (self.earliest_ms < other.latest_ms and other.earliest_ms < self.latest_ms)


class Look(NamedTuple):
    """A frame that another window looked at; `joined`: no stretch that nobody analysed lies between that window and this one."""

    pts_ms: int
    joined: bool


def between(before_ms: int, after_ms: int, *, slack_ms: int = 0) -> Boundary:
    """The change between two neighbouring frames. Rounded up: half-open spans then hold exactly the frames that show the event."""
    return Boundary((before_ms + after_ms + 1) // 2, before_ms - slack_ms, after_ms + slack_ms)


def seen_start(frame_pts_ms: Sequence[int], first: int, *, slack_ms: int = 0) -> Boundary | None:
    """The start of what the frame at position `first` is the first to show; also the place of an instant.

    None if it is the window's first frame: then this window did not see the start, and `edge_start` tells what is known.
    """
    return between(frame_pts_ms[first - 1], frame_pts_ms[first], slack_ms=slack_ms) if first > 0 else None


def seen_end(frame_pts_ms: Sequence[int], last: int, *, slack_ms: int = 0) -> Boundary | None:
    """The end of what the frame at position `last` is the last to show; None if it is the window's last frame (see `edge_end`)."""
    return between(frame_pts_ms[last], frame_pts_ms[last + 1], slack_ms=slack_ms) if last + 1 < len(frame_pts_ms) else None


def edge_start(window: Span, first_pts_ms: int, *, before: Look | None, slack_ms: int = 0) -> Boundary:
    """The start of what was going on already in a window's first frame; stated inside the window.

    `before` is the last look before that frame. If it is joined, the start is in the middle of the two frames. Else nobody knows for how
    long it had been going on: stated is the first frame, and the uncertainty goes back to the last look, however long ago. Without any
    look before, it goes back to 0; and there the start is stated, if the window begins there.
    """
    if before is None:
        return Boundary(0 if window.start_ms == 0 else first_pts_ms, -slack_ms, first_pts_ms + slack_ms)
    middle = between(before.pts_ms, first_pts_ms, slack_ms=slack_ms)
    return middle._replace(at_ms=max(middle.at_ms, window.start_ms) if before.joined else first_pts_ms)


def edge_end(window: WindowResult, last_pts_ms: int, *, after: Look | None, duration_ms: int, slack_ms: int = 0) -> Boundary:
    """The end of what is still going on in a window's last frame: the mirror of `edge_start`.

    Where that states the first frame, this states the end of the time that the last frame stands for, which is as long as the step
    before it. At the video's end the duration is stated, and uncertain is the time since the last frame: what ends in between is
    seen by no frame.
    """
    span, frames = window.span, window.frame_pts_ms
    step_ms = frames[-1] - frames[-2] if len(frames) > 1 else span.end_ms - frames[-1]
    held_ms = min(last_pts_ms + step_ms, span.end_ms)
    if after is None:
        at_ms = duration_ms if span.end_ms >= duration_ms else held_ms
        return Boundary(at_ms, last_pts_ms - slack_ms, max(duration_ms, at_ms) + slack_ms)
    middle = between(last_pts_ms, after.pts_ms, slack_ms=slack_ms)
    return middle._replace(at_ms=min(middle.at_ms, span.end_ms) if after.joined else min(held_ms, after.pts_ms))
