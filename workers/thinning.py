"""Windows made of frames that an earlier job of the same video had sampled more densely: of the video itself nothing is decoded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.frames import unpack
from core.request import Sampling
from core.spans import Span, subtract, union
from db.models import Video, Window
from workers.frames.again import measure_again
from workers.frames.frame import Frame, Gap, SampledWindow, WindowPlan
from workers.frames.timeline import sampled_before, wanted
from workers.model.kinds import of_the_decoder


@dataclass(frozen=True, slots=True)
class Dense:
    """Everything that one way of sampling gave of a video: its windows, each once, in order."""

    windows: Sequence[Window]

    def covers(self, duration_ms: int) -> bool:
        return duration_ms > 0 and not subtract(Span(0, duration_ms), (Span(window.start_ms, window.end_ms) for window in self.windows))

    @property
    def pts_ms(self) -> list[int]:
        return sorted({time for window in self.windows for time in window.frame_pts_ms})

    @property
    def gaps(self) -> list[Gap]:
        return [Gap(Span(start, end), reason) for window in self.windows for start, end, reason in of_the_decoder(window.gaps)]


def is_thinner(wanted: Sampling, there: Sampling) -> bool:
    """Whether all times of the grid that is wanted are on the one that is there, with frames of the same size and as near to them."""
    if (there.tolerance_s or 0) > (wanted.tolerance_s or 0):
        return False
    times = (there.fps or 0) / (wanted.fps or 1)
    return times > 1 and times == int(times) and there.frame_tokens == wanted.frame_tokens


def denser(sampled: Iterable[tuple[dict[str, Any], Window]], sampling: Sampling, video: Video) -> Dense | None:
    """Of what was sampled of a video, one way of sampling it whole whose frames hold all that are wanted; None where there is none."""
    ways: dict[str, dict[str, Window]] = {}
    for asked, window in sampled:
        way = Sampling.model_validate(asked)
        if is_thinner(sampling, way):
            ways.setdefault(way.slug, {})[str(window.frames_key)] = window
    whole = (Dense(tuple(windows.values())) for windows in ways.values())
    return next((dense for dense in whole if dense.covers(video.duration_ms or 0)), None)


def thin(plans: Sequence[WindowPlan], dense: Dense, *, fps: float, read: Callable[[str], bytes]) -> Iterator[SampledWindow]:
    """The planned windows at `fps`, in order, from frames that are there; `read` gives a blob of frames.

    The frames are chosen among those that are there as they would be among all of the video's.
    """
    times = dense.pts_ms
    jpegs = _Jpegs(dense, read)
    for plan in plans:
        chosen = wanted(plan.span, fps=fps, pts_ms=times)
        before = sampled_before(plan.span.start_ms, fps=fps, pts_ms=times)
        measured = measure_again([jpegs.at(time) for time in chosen], before=None if before is None else jpegs.at(before))
        frames = tuple(Frame(time, jpegs.at(time), signals) for time, signals in zip(chosen, measured, strict=True))
        yield SampledWindow(plan, frames, _clipped(dense.gaps, plan.span))


def _clipped(gaps: Sequence[Gap], span: Span) -> tuple[Gap, ...]:
    reasons = sorted({gap.reason for gap in gaps})
    return tuple(
        Gap(clipped, reason)
        for reason in reasons
        for whole in union(gap.span for gap in gaps if gap.reason == reason)
        if (clipped := whole.clip(span))
    )


class _Jpegs:
    """Frames by their time; holds those of a few windows."""

    def __init__(self, dense: Dense, read: Callable[[str], bytes]) -> None:
        self._keys = {time: str(window.frames_key) for window in dense.windows for time in window.frame_pts_ms}
        self._read = lru_cache(maxsize=4)(lambda key: dict(unpack(read(key))))

    def at(self, pts_ms: int) -> bytes:
        return self._read(self._keys[pts_ms])[pts_ms]
