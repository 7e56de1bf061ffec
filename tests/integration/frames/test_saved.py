"""A file is probed once: who decodes a part of it later is told what was found, and gets the same frames."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import NotAVideo, UnsupportedVideo
from tests.integration.frames.sampling import LIMITS, SAMPLER, calm, limited, sample, some
from tests.integration.frames.test_damage import cut, zero
from tests.matrix import FRAGMENTS, UNEVEN
from tests.videos import make_video
from workers.frames import answers, edition, sampler
from workers.frames.frame import SampledWindow, WindowPlan
from workers.frames.probe import Bounds, probe
from workers.frames.sampler import Sampler
from workers.frames.saved import load, save

BOUNDS = {"max_side_px": LIMITS.max_side_px, "max_frame_pixels": LIMITS.max_frame_pixels, "max_duration_ms": LIMITS.max_duration_ms}
LONG: dict[str, Any] = {"duration_s": 20, "gop": 10, "size": (128, 96)}
VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"bframes": 2},
    "uneven.mkv": {"times_ms": UNEVEN},
    "vp9.webm": {"codec": "libvpx-vp9", "gop": 30},
    "h264.ts": {"bframes": 2, "start_s": 5.013},
    "h264.avi": {"bframes": 2},
    "turned.mov": {"rotation": 90},
    "one key frame.mp4": {"gop": 10_000},
    "zeroed.mp4": {"bframes": 2},
    "zeroed.mkv": {"bframes": 2},
    "cut.fragmented.mp4": {"container_options": FRAGMENTS},
    "cut.avi": {"codec": "mpeg4"},
}


class Archive:
    """In memory; counts what is written."""

    def __init__(self, saved: bytes = b"") -> None:
        self.saved, self.written = saved, 0

    def read(self) -> bytes:
        return self.saved

    def write(self, saved: bytes) -> None:
        self.saved = saved
        self.written += 1


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Captures are opened in this process here; what they leave in its environment is taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    make_video(tmp_path / "a.mp4", **LONG)
    return tmp_path / "a.mp4"


def archived(path: Path) -> Archive:
    archive = Archive()
    SAMPLER.probe(path, beat=calm, archive=archive)
    assert archive.written == 1
    return archive


def sampled(path: Path, windows: tuple[WindowPlan, ...], archive: Archive, *, by: Sampler = SAMPLER) -> list[SampledWindow]:
    return list(by.sample(path, windows, fps=3, frame_tokens=144, beat=calm, archive=archive))


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_and_gaps_are_the_same_with_what_was_found_before(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make_video(path, **LONG | VIDEOS[name])
    if name.startswith("zeroed"):
        zero(path, 0.4, 0.6)
    elif name.startswith("cut"):
        cut(path, 0.61)
    windows, archive = some(path), archived(path)
    for part in (windows, windows[1:]):
        assert sampled(path, part, archive) == sample(path, part, fps=3)
    assert SAMPLER.probe(path, beat=calm, archive=archive) == SAMPLER.probe(path, beat=calm)
    assert archive.written == 1


@pytest.mark.parametrize("name", VIDEOS)
def test_what_is_saved_comes_back_whole(tmp_path: Path, name: str) -> None:
    make_video(tmp_path / name, **LONG | VIDEOS[name])
    source = probe(tmp_path / name, Bounds(**BOUNDS), alive=calm)
    saved = save(source, "an edition")
    assert saved is not None
    assert load(saved, tmp_path / name, "an edition") == source


def test_an_hour_takes_a_few_kilobytes(video: Path) -> None:
    source = probe(video, Bounds(**BOUNDS), alive=calm)
    frames = [round(number * 1001 / 30) for number in range(3600 * 30)]
    saved = save(replace(source, index=replace(source.index, pts_ms=frames, key_ms=frames[::30])), "an edition")
    assert saved is not None
    assert len(saved) < 20_000


def test_with_it_the_packets_are_not_read_again(video: Path) -> None:
    archive = archived(video)
    frames = {"spans": [[19_000, 20_000]], "fps": 1, "tolerance_ms": 500, "frame_tokens": 4, "jpeg_quality": 85}
    request = {"ask": "frames", "path": str(video), "bounds": BOUNDS, "edition": edition.edition(), **frames}
    signs: list[int] = []
    alone = list(answers.answer(request, alive=lambda: signs.append(1)))
    assert [head["kind"] for head, _ in alone] == ["saved", "frame", "frame", "frame", "end"]
    assert len(signs) > 200
    signs.clear()
    assert list(answers.answer(request, alive=lambda: signs.append(1), known=archive.saved)) == alone[1:]
    assert len(signs) < 50


def flipped(saved: bytes) -> bytes:
    return saved[:100] + bytes([saved[100] ^ 1]) + saved[101:]


@pytest.mark.parametrize("damage", [flipped, lambda saved: saved[:-1], lambda saved: b"", lambda saved: b"\0" * 10**7])
def test_what_cannot_be_read_is_made_anew(video: Path, damage: Any) -> None:
    sound = archived(video)
    archive = Archive(damage(sound.saved))
    assert sampled(video, some(video), archive) == sample(video, some(video), fps=3)
    assert (archive.saved, archive.written) == (sound.saved, 1)


def test_another_file_in_the_same_place_is_probed_anew(video: Path) -> None:
    archive = archived(video)
    content = bytearray(video.read_bytes())
    content[-1] ^= 1
    video.write_bytes(content)
    SAMPLER.probe(video, beat=calm, archive=archive)
    assert archive.written == 2
    make_video(video, **LONG | {"duration_s": 12})
    assert sampled(video, some(video), archive) == sample(video, some(video), fps=3)
    assert archive.written == 3
    video.write_bytes(b"gone")
    with pytest.raises(NotAVideo):
        SAMPLER.probe(video, beat=calm, archive=archive)


def test_another_release_makes_its_own(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archived(video)
    monkeypatch.setattr(sampler, "edition", lambda: "another")
    SAMPLER.probe(video, beat=calm, archive=archive)
    assert archive.written == 2
    SAMPLER.probe(video, beat=calm, archive=archive)
    assert archive.written == 2


def test_limits_that_have_changed_hold_for_what_was_found_before(video: Path) -> None:
    archive = archived(video)
    with pytest.raises(UnsupportedVideo):
        limited(max_duration_ms=1000).probe(video, beat=calm, archive=archive)


def test_too_long_an_index_is_not_kept(video: Path) -> None:
    source = probe(video, Bounds(**BOUNDS), alive=calm)
    assert save(replace(source, index=replace(source.index, pts_ms=range(6_000_001))), "an edition") is None
