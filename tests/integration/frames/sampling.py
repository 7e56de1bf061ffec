"""What the tests of sampling share: the real sampler, and the marks read back from its JPEGs."""

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from core.settings import Settings
from core.spans import Span
from tests import marks
from tests.marks import Mark
from workers.frames.frame import Frame, SampledWindow, VideoInfo, WindowPlan
from workers.frames.sampler import Limits, Sampler
from workers.frames.timeline import cut

LIMITS = Limits.of(Settings())
SAMPLER = Sampler(LIMITS)


def limited(**changes: Any) -> Sampler:
    return Sampler(replace(LIMITS, **changes))


def calm() -> None:
    """A heart that never stops."""


def probe(path: Path) -> VideoInfo:
    return SAMPLER.probe(path, beat=calm)


def sample(
    path: Path,
    windows: Sequence[WindowPlan],
    *,
    fps: float = 2,
    frame_tokens: int = 144,
    sampler: Sampler = SAMPLER,
    beat: Callable[[], None] = calm,
) -> list[SampledWindow]:
    return list(sampler.sample(path, windows, fps=fps, frame_tokens=frame_tokens, beat=beat))


def whole(path: Path) -> tuple[WindowPlan, ...]:
    """The video as one window."""
    return (WindowPlan(0, Span(0, probe(path).duration_ms)),)


def some(path: Path, *, window_ms: int = 8_000, overlap_ms: int = 2_000) -> tuple[WindowPlan, ...]:
    segments = cut(probe(path).duration_ms, window_ms=window_ms, overlap_ms=overlap_ms, windows_per_segment=10_000)
    return tuple(window for segment in segments for window in segment.windows)


def picture(frame: Frame) -> marks.Image:
    return np.asarray(cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def mark(frame: Frame) -> Mark | None:
    return marks.read(picture(frame))


def shown_ms(window: SampledWindow) -> list[int | None]:
    """The times that the pictures themselves show."""
    return [read.time_ms if (read := mark(frame)) else None for frame in window.frames]


def stated_ms(window: SampledWindow) -> list[int]:
    return [frame.pts_ms for frame in window.frames]


def lost(window: SampledWindow) -> list[tuple[int, int]]:
    return [(gap.span.start_ms, gap.span.end_ms) for gap in window.gaps]


def keys_of(path: Path, times_ms: Sequence[int]) -> list[int]:
    """Which of its frames, whose times these are, are key frames: as another program decodes it."""
    with av.open(path) as container:
        return [time for time, frame in zip(times_ms, container.decode(video=0), strict=True) if frame.key_frame]


def windows_for_a_parent(path: Path) -> None:
    """Decode, and stand still in the middle of it: for a process that is to be killed."""
    for _ in SAMPLER.sample(path, some(path), fps=2, frame_tokens=144, beat=calm):
        sys.stdout.write("decoding\n")
        sys.stdout.flush()
        signal.pause()
