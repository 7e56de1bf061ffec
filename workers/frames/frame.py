"""What comes out of the decoder: frames with their times, by window."""

from dataclasses import dataclass
from typing import NamedTuple

from core.spans import Span


class Signals(NamedTuple):
    """What can be measured of a sampled frame without a model; stored beside its time.

    `luma` and `contrast` are the mean and the standard deviation of the grey picture (0 to 255). `change` is the Bhattacharyya
    distance between the colour histograms of this frame and of the sampled frame before (0 to 1), `motion` the mean absolute
    difference of their small grey pictures (0 to 255), and `peak` the largest difference in any one of the 64 x 36 parts of them. These are
    None where there is no frame before.
    """

    luma: float
    contrast: float
    change: float | None
    motion: float | None
    peak: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame. `pts_ms`: its presentation time, from the first presented frame, rounded once."""

    pts_ms: int
    jpeg: bytes
    signals: Signals


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch whose frames the container promises and the decoder did not give; `reason` is a stable code."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """One window of the timeline: the unit of a model call. `seq` counts windows over the whole video."""

    seq: int
    span: Span


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """Some windows in a row: the unit of decoding."""

    seq: int
    windows: tuple[WindowPlan, ...]

    @property
    def span(self) -> Span:
        return Span(self.windows[0].span.start_ms, self.windows[-1].span.end_ms)


@dataclass(frozen=True, slots=True)
class SampledWindow:
    """A window's frames, complete, in order of time; neighbouring windows repeat the frames of their overlap."""

    plan: WindowPlan
    frames: tuple[Frame, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the packets say of a video. Sizes are those shown, after rotation and with square pixels."""

    container: str
    codec: str
    width: int
    height: int
    rotation: int
    frames: int
    duration_ms: int
    start_ms: int
    frame_rate: float
    variable_frame_rate: bool
