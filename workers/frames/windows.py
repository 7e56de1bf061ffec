"""Frames in, windows out, each as soon as nothing more can come for it. Pure."""

from collections import deque
from collections.abc import Iterator, Sequence

from core.spans import Span, union
from workers.frames.frame import Frame, Gap, SampledWindow, WindowPlan

UNREADABLE = "unreadable"


class Assembly:
    """Tell it what the decoder says, in order of time; holds no more than the frames of the windows that are open."""

    def __init__(self, plans: Sequence[WindowPlan]) -> None:
        self._open = deque(plans)
        self._frames: list[Frame] = []
        self._gaps: list[Span] = []
        self._last_good_ms: int | None = None
        self._lost_from_ms: int | None = None

    def hole(self, span: Span) -> None:
        """Nothing can come from here, by the packet index alone."""
        self._gaps.append(span)

    def missing(self, pts_ms: int) -> Iterator[SampledWindow]:
        """A wanted frame did not come: nothing is known from the last good frame to the next."""
        if self._lost_from_ms is None:
            self._lost_from_ms = pts_ms if self._last_good_ms is None else self._last_good_ms
            if self._last_good_ms is None and self._open:
                self._lost_from_ms = min(pts_ms, self._open[0].span.start_ms)
        yield from self._close(before_ms=pts_ms)

    def frame(self, frame: Frame) -> Iterator[SampledWindow]:
        if self._lost_from_ms is not None:
            self._gaps.append(Span(self._lost_from_ms, frame.pts_ms))
            self._lost_from_ms = None
        yield from self._close(before_ms=frame.pts_ms)
        self._last_good_ms = frame.pts_ms
        if self._open and frame.pts_ms >= self._open[0].span.start_ms:
            self._frames.append(frame)

    def end(self) -> Iterator[SampledWindow]:
        if self._open:
            yield from self._close(before_ms=max(plan.span.end_ms for plan in self._open))

    def _close(self, *, before_ms: int) -> Iterator[SampledWindow]:
        """Give the windows that end at the time or before."""
        while self._open and self._open[0].span.end_ms <= before_ms:
            plan = self._open.popleft()
            yield self._window(plan)
            start_ms = self._open[0].span.start_ms if self._open else before_ms
            self._frames = [frame for frame in self._frames if frame.pts_ms >= start_ms]
            self._gaps = [span for span in self._gaps if span.end_ms > start_ms]

    def _window(self, plan: WindowPlan) -> SampledWindow:
        span = plan.span
        lost = [] if self._lost_from_ms is None else [Span(self._lost_from_ms, span.end_ms)]
        clipped = (gap.clip(span) for gap in (*self._gaps, *lost))
        return SampledWindow(
            plan=plan,
            frames=tuple(frame for frame in self._frames if span.start_ms <= frame.pts_ms < span.end_ms),
            gaps=tuple(Gap(gap, UNREADABLE) for gap in union(gap for gap in clipped if gap)),
        )
