"""Damage is never silent: what is lost is a gap, and what comes before and after it is there, with the right pictures."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from core.spans import Span
from tests.integration.frames.sampling import calm, lost, probe, sample, shown_ms, some, stated_ms, whole
from tests.matrix import FRAGMENTS
from tests.videos import make_video
from workers.frames.containers.riff import read_entries
from workers.frames.frame import SampledWindow, WindowPlan
from workers.frames.sampler import Sampler

FORTY_SECONDS: dict[str, Any] = {"duration_s": 40, "gop": 20}

VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"bframes": 2},
    "h264.mkv": {"bframes": 2},
    "h264.ts": {"bframes": 2},
    "hevc.mp4": {"codec": "libx265", "bframes": 2},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.mp4": {"codec": "libsvtav1"},
}


def zero(path: Path, first: float, last: float) -> None:
    """Overwrite a stretch of the file, given in shares of its size, with zeros."""
    data = bytearray(path.read_bytes())
    start, end = round(len(data) * first), round(len(data) * last)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


def assert_covered(window: SampledWindow, *, interval_ms: int) -> None:
    """Where no gap is stated, frames follow each other as they should."""
    for earlier, later in pairwise(stated_ms(window)):
        if later - earlier > 1.5 * interval_ms:
            assert any(start <= earlier and later <= end for start, end in lost(window)), f"silent from {earlier} to {later}"


@pytest.mark.parametrize("name", VIDEOS)
def test_a_hole_in_the_middle_is_a_gap_and_the_rest_is_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make_video(path, **FORTY_SECONDS, **VIDEOS[name])
    zero(path, 0.4, 0.6)
    assert probe(path).duration_ms == pytest.approx(40_000, abs=100)
    (window,) = sample(path, whole(path), fps=1)
    assert stated_ms(window) == shown_ms(window)
    assert_covered(window, interval_ms=1000)
    ((start, end),) = lost(window)
    assert 10_000 < start < 17_000
    assert 23_000 < end <= 28_000
    assert [time for time in stated_ms(window) if time < 10_000] == list(range(0, 10_000, 1000))
    assert [time for time in stated_ms(window) if time >= 28_000] == [*range(28_000, 40_000, 1000), 39_900]


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "av1.mp4"])
def test_a_hole_near_the_end_is_a_gap(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make_video(path, **FORTY_SECONDS, **VIDEOS[name])
    zero(path, 0.85, 0.93)
    (window,) = sample(path, whole(path), fps=1)
    assert stated_ms(window) == shown_ms(window)
    assert_covered(window, interval_ms=1000)
    assert lost(window)


def test_a_beginning_that_cannot_be_read_is_a_gap_and_moves_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, **FORTY_SECONDS, codec="libx265")
    zero(path, 0.001, 0.1)
    (window,) = sample(path, whole(path), fps=1)
    assert stated_ms(window) == shown_ms(window)
    ((start, end),) = lost(window)
    assert start == 0
    assert 2000 <= end <= 8000
    assert probe(path).duration_ms == 40_000


def test_every_window_states_its_part_of_the_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, **FORTY_SECONDS)
    zero(path, 0.4, 0.6)
    windows = sample(path, some(path), fps=1)
    ((start, end),) = lost(sample(path, whole(path), fps=1)[0])
    for window in windows:
        part = Span(start, end).clip(window.plan.span)
        assert lost(window) == ([] if part is None else [tuple(part)])
        assert stated_ms(window) == shown_ms(window)


def test_a_video_cut_off_in_the_middle_lacks_what_it_promised(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, **FORTY_SECONDS, container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert probe(path).duration_ms == 40_000
    (window,) = sample(path, whole(path), fps=1)
    assert stated_ms(window) == shown_ms(window)
    ((start, end),) = lost(window)
    assert 15_000 < start < 25_000
    assert end == 40_000


CUT: dict[str, dict[str, Any]] = {
    "faststart.mp4": {"bframes": 2, "container_options": {"movflags": "faststart"}},
    "dash.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof+dash"}},
    "indexed.mp4": {"bframes": 2, "container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof+global_sidx"}},
    "a.mkv": {"bframes": 2},
    "a.webm": {"codec": "libvpx-vp9"},
    "a.avi": {"codec": "mpeg4"},
    "B-frames.avi": {"bframes": 2},
    "a.flv": {"bframes": 2},
    "a.wmv": {"codec": "wmv2"},
}
UNTOLD: dict[str, dict[str, Any]] = {
    "a.ts": {"bframes": 2},
    "fragmented.mp4": {"bframes": 2, "container_options": FRAGMENTS},
    "live.mkv": {"container_options": {"live": "1"}},
}
TEN_SECONDS: dict[str, Any] = {"duration_s": 10, "gop": 10, "size": (128, 96)}


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])


@pytest.mark.parametrize("share", [0.3, 0.61, 0.97])
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_ends_before_its_own_end_has_a_gap_up_to_there(tmp_path: Path, sampler: Sampler, name: str, share: float) -> None:
    path = tmp_path / name
    make_video(path, **TEN_SECONDS, **CUT[name])
    cut(path, share)
    duration_ms = sampler.probe(path, beat=calm).duration_ms
    (window,) = sample(path, [WindowPlan(0, Span(0, duration_ms))], fps=10, sampler=sampler)
    assert stated_ms(window) == shown_ms(window)
    ((start, end),) = lost(window)
    # What dash promises goes as far as the index of the last fragment.
    assert end == duration_ms == (duration_ms // 1000 * 1000 if name == "dash.mp4" else 10_000)
    assert start == stated_ms(window)[-1]
    assert share * 10_000 - 2600 < start < share * 10_000 + 1000
    assert stated_ms(window) == list(range(0, start + 1, 100))


@pytest.mark.parametrize("name", UNTOLD)
def test_a_file_cut_off_that_promises_nothing_lacks_its_last_frame_at_least(tmp_path: Path, sampler: Sampler, name: str) -> None:
    path = tmp_path / name
    make_video(path, **TEN_SECONDS, **UNTOLD[name])
    cut(path, 0.615)
    duration_ms = sampler.probe(path, beat=calm).duration_ms
    assert 4000 < duration_ms < 7000
    (window,) = sample(path, [WindowPlan(0, Span(0, duration_ms))], fps=10, sampler=sampler)
    assert stated_ms(window) == shown_ms(window)
    ((start, end),) = lost(window)
    assert (start, end) == (stated_ms(window)[-1], duration_ms)


@pytest.mark.parametrize("name", ["faststart.mp4", "a.mkv", "a.avi", "a.flv", "a.wmv", "fragmented.mp4"])
def test_a_false_duration_in_a_whole_file_is_no_gap(tmp_path: Path, sampler: Sampler, name: str) -> None:
    path = tmp_path / name
    make_video(path, **TEN_SECONDS, **(CUT | UNTOLD)[name])
    path.write_bytes(FALSE_DURATIONS[path.suffix](path.read_bytes()))
    assert sampler.probe(path, beat=calm).duration_ms == 10_000
    (window,) = sample(path, [WindowPlan(0, Span(0, 10_000))], fps=10, sampler=sampler)
    assert stated_ms(window) == shown_ms(window) == list(range(0, 10_000, 100))
    assert window.gaps == ()


def replaced(mark: bytes, offset: int, value: bytes, *, times: int = 1) -> Callable[[bytes], bytes]:
    """With that value so many bytes after the mark, wherever it is found."""

    def change(data: bytes) -> bytes:
        changed, place = bytearray(data), -1
        for _ in range(times):
            place = data.index(mark, place + 1)
            changed[place + offset : place + offset + len(value)] = value
        return bytes(changed)

    return change


FALSE_DURATIONS: dict[str, Callable[[bytes], bytes]] = {
    ".mp4": replaced(b"mvhd", 20, (99_000_000).to_bytes(4, "big")),
    ".mkv": replaced(bytes.fromhex("4489 88"), 3, pack(">d", 99_000_000)),
    ".avi": replaced(b"vids", 32, (99_000).to_bytes(4, "little")),
    ".flv": replaced(b"\x08duration", 10, pack(">d", 99_000)),
    ".wmv": replaced(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"), 64, (99 * 10**10).to_bytes(8, "little")),
}


@pytest.mark.parametrize(
    "flags", [FRAGMENTS["movflags"], FRAGMENTS["movflags"] + "+dash", "frag_keyframe"], ids=["plain", "dash", "with moov"]
)
def test_a_fragmented_file_may_be_cut_off_anywhere(tmp_path: Path, sampler: Sampler, flags: str) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, duration_s=3, gop=10, size=(128, 96), container_options={"movflags": flags})
    data = path.read_bytes()
    for end in range(data.index(b"moof", data.index(b"moof") + 4) + 4, data.index(b"mfra") - 4, 71):
        path.write_bytes(data[:end])
        duration_ms = sampler.probe(path, beat=calm).duration_ms
        (window,) = sample(path, [WindowPlan(0, Span(0, duration_ms))], fps=10, sampler=sampler)
        assert stated_ms(window) == shown_ms(window) == list(range(0, stated_ms(window)[-1] + 1, 100))
        assert lost(window) == [(stated_ms(window)[-1], duration_ms)], f"cut off at {end}"


def test_a_frozen_screen_is_no_damage(tmp_path: Path) -> None:
    """A recorder that writes a frame only when something changes."""
    times = [0, 100, 150, 190, 400, 8000, 8040, 8300, 20_000, 20_040, 20_500]
    make_video(tmp_path / "a.mkv", times_ms=times)
    (window,) = sample(tmp_path / "a.mkv", whole(tmp_path / "a.mkv"), fps=1)
    assert window.gaps == ()
    assert stated_ms(window) == shown_ms(window)
    assert {0, 8000, 20_000, 20_500} <= set(stated_ms(window))


AVIS: dict[str, dict[str, Any]] = {
    "mpeg4": {"codec": "mpeg4"},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264": {},
    "msmpeg4": {"codec": "msmpeg4"},
    "standing still": {"codec": "mpeg4", "frozen": [(3, 14), (16, 20)]},
}


def lose(path: Path, first: int, last: int, *, size: int | None = None) -> None:
    """Frames that FFmpeg does not find: the names of their chunks are overwritten, or the first one's `size` is false."""
    entries = read_entries(path)
    data = bytearray(path.read_bytes())
    for entry in entries[first:last]:
        data[entry.start - 8 : entry.start - 4] = b"XXXX"
    if size is not None:
        data[entries[first].start - 8 : entries[first].start] = b"00dc" + pack("<I", size)
    path.write_bytes(data)


@pytest.mark.parametrize("size", [None, 1, 5000])
@pytest.mark.parametrize("lost_frames", [(80, 81), (85, 97), (100, 131)])
@pytest.mark.parametrize("codec", AVIS)
def test_frames_lost_in_an_avi_move_none_of_those_after_them(
    tmp_path: Path, sampler: Sampler, codec: str, lost_frames: tuple[int, int], size: int | None
) -> None:
    path = tmp_path / "a.avi"
    frozen = AVIS[codec].get("frozen", [])
    make_video(path, **TEN_SECONDS | {"duration_s": 20} | AVIS[codec])
    lose(path, *lost_frames, size=size)
    assert sampler.probe(path, beat=calm).duration_ms == 20_000
    (window,) = sample(path, [WindowPlan(0, Span(0, 20_000))], fps=10, sampler=sampler)
    ((start, end),) = lost(window)
    first, last = lost_frames
    assert 100 * first - 1100 <= start < 100 * first
    # A size that is too large swallows what follows, too.
    assert 100 * last <= end <= 100 * last + (2600 if size is None else 6000)
    assert stated_ms(window) == [*range(0, start + 1, 100), *range(end, 20_000, 100)]
    for stated, shown in zip(stated_ms(window), shown_ms(window), strict=True):
        still = next((from_s for from_s, until_s in frozen if from_s * 1000 <= stated < until_s * 1000), None)
        assert shown == (stated if still is None else still * 1000 - 100)
    assert_parts_agree(path, sampler)


def assert_parts_agree(path: Path, sampler: Sampler) -> None:
    """Windows decoded by another worker hold the same frames."""
    windows = some(path)
    assert sample(path, windows[-2:], fps=3, sampler=sampler) == sample(path, windows, fps=3, sampler=sampler)[-2:]


def test_far_behind_the_damage_an_avi_is_decoded_from_where_its_frames_are_counted_from(tmp_path: Path, sampler: Sampler) -> None:
    path = tmp_path / "a.avi"
    make_video(path, **TEN_SECONDS | {"duration_s": 60}, codec="mpeg4")
    lose(path, 100, 131)
    (window,) = sample(path, some(path)[-1:], fps=1, sampler=sampler)
    assert stated_ms(window) == shown_ms(window)
    assert len(window.frames) >= 5


def test_what_is_found_between_lost_frames_of_an_avi_stands_in_for_none(tmp_path: Path, sampler: Sampler) -> None:
    path = tmp_path / "a.avi"
    make_video(path, **TEN_SECONDS | {"gop": 1000}, codec="mpeg4")
    lose(path, 52, 55)
    lose(path, 56, 60)  # 55 is found, and numbered 52
    data = bytearray(path.read_bytes())
    for entry in read_entries(path)[50:52]:
        data[entry.start : entry.end] = bytes(entry.end - entry.start)
    path.write_bytes(data)
    (window,) = sample(path, [WindowPlan(0, Span(0, 10_000))], fps=1, sampler=sampler)
    assert stated_ms(window)[:5] == shown_ms(window)[:5] == [0, 1000, 2000, 3000, 4000]
    assert not [time for time in stated_ms(window) if 4000 < time < 6000]
    assert lost(window) == [(4000, 6000)]


def test_of_an_avi_damaged_in_two_places_what_lies_between_is_a_gap_too(tmp_path: Path, sampler: Sampler) -> None:
    path = tmp_path / "a.avi"
    make_video(path, **TEN_SECONDS, codec="mpeg4")
    lose(path, 30, 33)
    lose(path, 61, 62)
    (window,) = sample(path, [WindowPlan(0, Span(0, 10_000))], fps=10, sampler=sampler)
    assert stated_ms(window) == shown_ms(window) == [*range(0, 2800, 100), *range(7000, 10_000, 100)]
    assert lost(window) == [(2700, 7000)]


def test_an_avi_whose_frames_lag_is_analysed_up_to_the_damage(tmp_path: Path, sampler: Sampler) -> None:
    path = tmp_path / "a.avi"
    make_video(path, **TEN_SECONDS, bframes=2)
    lose(path, 50, 52)
    (window,) = sample(path, [WindowPlan(0, Span(0, 10_000))], fps=10, sampler=sampler)
    assert stated_ms(window) == shown_ms(window)
    ((start, end),) = lost(window)
    assert 4000 < start < 5000
    assert end == 10_000
