"""However frames are reached, they are the right ones, and those that were planned."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import marks
from tests.integration.frames.sampling import keys_of, lost, sample, shown_ms, some, stated_ms, whole
from tests.integration.frames.test_times import VIDEOS
from tests.videos import make_video
from workers.frames.capture import position_ms
from workers.frames.decode import Missing, Picture, decode, decode_keys
from workers.frames.plan import Run
from workers.frames.probe import Bounds, Source, probe
from workers.frames.reach import frames, ways
from workers.frames.timeline import wanted

BOUNDS = Bounds(8192, 35_000_000, 86_400_000)
THINGS_THAT_COME_ALONE = [name for name in VIDEOS if name != "vp9 film.webm"]


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Captures are opened in this process here; what they leave in its environment is taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def alive() -> None:
    pass


def source(path: Path) -> Source:
    return probe(path, BOUNDS, alive=alive)


def grabbed(video: Source, *, keys_alone: bool) -> list[int]:
    capture = video.file.open(video.codec, keys_alone=keys_alone)
    tries = 2 * len(video.index.pts_ms) + 70
    return [video.index.time_of(position_ms(capture)) for _ in range(tries) if capture.grab()]


@pytest.mark.parametrize("name", THINGS_THAT_COME_ALONE)
def test_a_decoder_that_is_said_to_obey_gives_key_frames_alone(tmp_path: Path, name: str) -> None:
    times = make_video(tmp_path / name, **{"duration_s": 5} | VIDEOS[name])
    video = source(tmp_path / name)
    assert ways(video).keys_alone
    assert grabbed(video, keys_alone=True) == keys_of(tmp_path / name, times) == list(video.index.key_ms)


def test_a_decoder_that_does_not_obey_is_known(tmp_path: Path) -> None:
    times = make_video(tmp_path / "a.webm", duration_s=5, codec="libvpx-vp9")
    video = source(tmp_path / "a.webm")
    assert not ways(video).keys_alone
    assert grabbed(video, keys_alone=True) == list(times)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"bframes": 2, "gop": 10}),
        ("a.mkv", {"codec": "libx265", "gop": 10}),
        ("a.webm", {"codec": "libvpx", "gop": 10}),
        ("a.ts", {"codec": "mpeg2video", "fps": 25, "gop": 25, "bframes": 2}),
        ("vp9.webm", {"codec": "libvpx-vp9", "gop": 10}),
    ],
)
def test_key_frames_decoded_alone_are_the_same_pictures(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    times = make_video(tmp_path / name, **{"duration_s": 8} | options)
    video, keys = source(tmp_path / name), tuple(keys_of(tmp_path / name, times))
    alone = list(decode_keys(video, Run(None, keys, keys_alone=True), alive=alive))
    along = list(decode(video, Run(None, keys), tolerance_ms=0, alive=alive))
    assert len(alone) == len(keys) >= 4
    for one, other in zip(alone, along, strict=True):
        assert isinstance(one, Picture)
        assert isinstance(other, Picture)
        assert one.pts_ms == other.pts_ms
        assert (one.pixels == other.pixels).all()


@pytest.mark.parametrize("fps", [0.1, 0.5, 1, 2, 4])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"gop": 10, "bframes": 2}),
        ("b.mp4", {"gop": 80, "bframes": 2}),
        ("c.mkv", {"times_ms": [*range(0, 20_000, 40), *range(20_000, 60_000, 500), *range(60_000, 70_000, 20)], "gop": 50}),
        ("d.webm", {"gop": 25, "codec": "libvpx-vp9"}),
        ("e.mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    ],
)
def test_any_rate_and_any_parts_give_the_frames_that_the_index_promises(
    tmp_path: Path, name: str, options: dict[str, Any], fps: float
) -> None:
    path = tmp_path / name
    times = make_video(path, size=(320, 192), **{"duration_s": 60} | options)
    (window,) = sample(path, whole(path), fps=fps)
    assert stated_ms(window) == shown_ms(window)
    assert tuple(stated_ms(window)) == wanted(window.plan.span, fps=fps, pts_ms=times, key_ms=keys_of(path, times))
    windows = some(path, window_ms=20_000, overlap_ms=4_000)
    assert [*sample(path, windows[:1], fps=fps), *sample(path, windows[1:], fps=fps)] == sample(path, windows, fps=fps)


def test_no_wanted_time_is_missed_by_more_than_half_the_interval(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=60, gop=37)
    for fps in (0.1, 0.5, 1, 3):
        (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"), fps=fps)
        for number in range(int(59.9 * fps)):
            assert min(abs(time - number * 1000 / fps) for time in stated_ms(window)) <= 500 / fps + 0.001


class Grabs:
    """Counts the frames that are decoded: the loop says before each that it is alive."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize(
    ("gop", "step_ms", "most"),
    [
        pytest.param(10, 1000, 60, id="key frames alone where they are dense enough"),
        pytest.param(100, 1000, 600, id="every frame once where many of each group are wanted"),
        pytest.param(100, 20_000, 8, id="key frames alone where few are wanted"),
    ],
)
def test_no_more_is_decoded_than_was_planned(tmp_path: Path, gop: int, step_ms: int, most: int) -> None:
    make_video(tmp_path / "a.mp4", duration_s=60, gop=gop, bframes=2)
    grabs, times = Grabs(), tuple(range(0, 60_000, step_ms))
    found = list(frames(source(tmp_path / "a.mp4"), times, tolerance_ms=0, alive=grabs))
    assert [frame.pts_ms for frame in found if isinstance(frame, Picture)] == list(times)
    assert grabs.count <= most


def test_a_key_frame_that_does_not_come_alone_is_decoded_with_the_frames_before_it(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=60, gop=10)
    video = source(tmp_path / "a.mp4")
    wrong = replace(video, index=replace(video.index, key_ms=sorted([*video.index.key_ms, 20_500, 40_300])))
    times = (*range(0, 20_000, 1000), 20_500, *range(21_000, 40_000, 1000), 40_300, 41_000)
    found = list(frames(wrong, times, tolerance_ms=0, alive=alive))
    assert [(type(frame), frame.pts_ms) for frame in found] == [(Picture, time) for time in times]
    assert [marks.read(frame.pixels).time_ms for frame in found] == list(times)


def test_a_picture_that_refers_to_others_is_not_taken_for_a_key_frame(tmp_path: Path) -> None:
    """Of a decoder that does not obey, by an index that is wrong."""
    make_video(tmp_path / "a.webm", duration_s=8, gop=20, codec="libvpx-vp9")
    video = source(tmp_path / "a.webm")
    wrong = replace(video, index=replace(video.index, key_ms=sorted([*video.index.key_ms, 3000])))
    found = list(decode_keys(wrong, Run(None, (2000, 3000, 4000), keys_alone=True), alive=alive))
    assert [(type(frame), frame.pts_ms) for frame in found] == [(Picture, 2000), (Missing, 3000), (Picture, 4000)]


def test_where_no_key_frame_comes_alone_all_is_decoded_once(tmp_path: Path) -> None:
    refreshed(tmp_path / "a.ts")
    video, grabs = source(tmp_path / "a.ts"), Grabs()
    times = tuple(video.index.key_ms)
    found = list(frames(video, times, tolerance_ms=0, alive=grabs))
    assert [frame.pts_ms for frame in found if isinstance(frame, Picture)] == list(times)
    # At the end of the file some reads fail before it counts as read.
    assert grabs.count < len(video.index.pts_ms) * 2.5


def test_what_never_comes_is_missing(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=60, gop=10)
    video = source(tmp_path / "a.mp4")
    promised = sorted([*video.index.pts_ms, 20_550])
    wrong = replace(video, index=replace(video.index, pts_ms=promised, key_ms=sorted([*video.index.key_ms, 20_550])))
    times = (19_000, 20_000, 20_550, 21_000)
    found = list(frames(wrong, times, tolerance_ms=20, alive=alive))
    assert [(type(frame), frame.pts_ms) for frame in found] == [(Missing if time == 20_550 else Picture, time) for time in times]


def refreshed(path: Path) -> tuple[int, ...]:
    """A video without key frames but the first, refreshed bit by bit; its container marks where a refresh begins as key."""
    return make_video(path, duration_s=20, gop=10, options={"intra-refresh": "1", "bf": "0", "x264-params": "keyint=10:sc_threshold=0"})


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4"])
def test_pictures_that_are_marked_as_key_and_refer_to_others_are_not_decoded_alone(tmp_path: Path, name: str) -> None:
    refreshed(tmp_path / name)
    video = source(tmp_path / name)
    (window,) = sample(tmp_path / name, whole(tmp_path / name), fps=1)
    assert stated_ms(window) == shown_ms(window)
    assert len(window.frames) >= 20
    assert lost(window) == []
    assert len(video.index.key_ms) == 20
    later = some(tmp_path / name)[2:]
    for part in sample(tmp_path / name, later, fps=1):
        assert stated_ms(part) == shown_ms(part)
        assert part.frames
        assert part.gaps == ()
