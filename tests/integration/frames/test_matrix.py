"""Every frame of every kind of video carries its own time: codec by container by rhythm, compared frame by frame."""

from pathlib import Path
from typing import Any

import pytest

from core.spans import Span
from tests.integration.frames.sampling import calm, sample, shown_ms, stated_ms
from tests.matrix import videos
from tests.videos import make_video
from workers.frames.frame import SampledWindow, VideoInfo, WindowPlan
from workers.frames.sampler import Sampler

# Above every video's own rate: every frame is sampled.
ALL = 240
VIDEOS = dict(videos())


def every_frame(sampler: Sampler, path: Path) -> tuple[VideoInfo, SampledWindow]:
    info = sampler.probe(path, beat=calm)
    (window,) = sample(path, [WindowPlan(0, Span(0, info.duration_ms))], fps=ALL, sampler=sampler)
    return info, window


@pytest.mark.parametrize("name", VIDEOS)
def test_every_frame_carries_its_own_time(tmp_path: Path, sampler: Sampler, name: str) -> None:
    path = tmp_path / name
    options: dict[str, Any] = VIDEOS[name]
    times = make_video(path, **options)
    info, window = every_frame(sampler, path)
    assert shown_ms(window) == stated_ms(window)
    assert stated_ms(window) == list(times)
    assert window.gaps == ()
    assert info.frames == len(times)
