"""What people's videos have besides frames: second streams, broken sound, turned and stretched pictures, HDR, a size that changes."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet

from tests.integration.frames.sampling import picture, shown_ms, stated_ms
from tests.integration.frames.test_matrix import every_frame
from tests.matrix import CODECS, FRAGMENTS, SIZE
from tests.videos import make_video
from workers.frames.sampler import Sampler

TWO_SECONDS: dict[str, Any] = {"duration_s": 2, "fps": 10, "gop": 5, "size": SIZE}
TWO_SECONDS_MS = list(range(0, 2000, 100))


def copied(source: Path, target: Path, change: Callable[[Packet], None]) -> None:
    """The packets of the first video stream, each changed first."""
    with av.open(source) as old, av.open(target, "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.pts is not None:
                change(packet)
                packet.stream = copy
                new.mux(packet)


def put_together(parts: list[Path], target: Path) -> None:
    """The streams of some videos side by side."""
    files = [av.open(part) for part in parts]
    with av.open(target, "w") as new:
        copies = [new.add_stream_from_template(file.streams[0]) for file in files]
        for file, copy in zip(files, copies, strict=True):
            for packet in file.demux():
                if packet.pts is not None:
                    packet.stream = copy
                    new.mux(packet)
    for file in files:
        file.close()


def one_after_the_other(parts: list[Path], target: Path, *, every_s: int) -> None:
    with av.open(target, "w") as new:
        copy = None
        for number, part in enumerate(parts):
            with av.open(part) as old:
                stream = old.streams.video[0]
                copy = copy or new.add_stream_from_template(stream)
                for packet in old.demux(stream):
                    if packet.pts is not None and packet.dts is not None:
                        later = round(number * every_s / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, copy
                        new.mux(packet)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("first", [0, 1])
def test_of_two_video_streams_one_is_sampled_by_its_own_clock(tmp_path: Path, sampler: Sampler, suffix: str, first: int) -> None:
    """Which one is FFmpeg's choice: it prefers the one with more frames and bits."""
    small, large = tmp_path / f"small.{suffix}", tmp_path / f"large.{suffix}"
    times = make_video(small, **TWO_SECONDS, bframes=2)
    more_times = make_video(large, times_ms=[0, 70, 140, 280, 500, 830, 1500, 1600], size=(256, 192), bframes=2, start_s=1)
    put_together([large, small] if first else [small, large], tmp_path / f"a.{suffix}")
    info, window = every_frame(sampler, tmp_path / f"a.{suffix}")
    expected = {(128, 96): times, (256, 192): more_times}[info.width, info.height]
    assert stated_ms(window) == shown_ms(window) == list(expected)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_sound_that_fails_changes_nothing(tmp_path: Path, sampler: Sampler, suffix: str) -> None:
    silent, sound = tmp_path / f"silent.{suffix}", tmp_path / f"sound.{suffix}"
    make_video(silent, **TWO_SECONDS)
    with av.open(sound, "w") as container:
        stream = container.add_stream("mp2", rate=48_000)
        for number in range(80):
            frame = av.AudioFrame(format="s16", layout="mono", samples=1152)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    put_together([silent, sound], tmp_path / f"a.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    with av.open(tmp_path / f"a.{suffix}") as container:
        frames = [bytes(packet) for packet in container.demux(audio=0) if packet.size > 100][:10]
    broken = content
    for frame in frames:
        broken = broken.replace(frame[20:100], bytes(80))
    assert broken != content
    (tmp_path / f"a.{suffix}").write_bytes(broken)
    _, window = every_frame(sampler, tmp_path / f"a.{suffix}")
    assert stated_ms(window) == shown_ms(window) == TWO_SECONDS_MS
    assert window.gaps == ()


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "libsvtav1"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "fragmented.mp4"])
def test_a_turned_video_comes_out_upright(tmp_path: Path, sampler: Sampler, suffix: str, rotation: int, codec: str) -> None:
    if codec == "libsvtav1" and suffix == "mov":
        suffix = "mp4"
    fragments = FRAGMENTS if suffix == "fragmented.mp4" else None
    make_video(tmp_path / f"a.{suffix}", **TWO_SECONDS, codec=codec, rotation=rotation, container_options=fragments)
    info, window = every_frame(sampler, tmp_path / f"a.{suffix}")
    assert (info.width, info.height, info.rotation) == (*SIZE, rotation)
    assert stated_ms(window) == shown_ms(window) == TWO_SECONDS_MS
    assert picture(window.frames[0]).shape[:2] == SIZE[::-1]


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "h264.ts", "hevc.mov", "mpeg2.ts", "mpeg4.avi", "hevc.mkv"])
def test_pixels_that_are_not_square_come_out_in_the_right_proportion(tmp_path: Path, sampler: Sampler, name: str) -> None:
    codec = CODECS[name.split(".", maxsplit=1)[0]]
    make_video(tmp_path / name, **TWO_SECONDS | codec | {"fps": 25}, sample_aspect_ratio=Fraction(4, 3))
    info, window = every_frame(sampler, tmp_path / name)
    assert (info.width, info.height) == (171, 96)
    assert stated_ms(window) == shown_ms(window)
    height, width, _ = picture(window.frames[0]).shape
    assert width / height == pytest.approx(171 / 96, rel=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_hdr_comes_out_as_sane_8_bit(tmp_path: Path, sampler: Sampler, suffix: str, codec: str) -> None:
    """PQ and BT.2020 in 10 bit: neither dark nor washed out."""
    tags = {"color_primaries": "bt2020", "color_trc": "smpte2084", "colorspace": "bt2020nc"}
    make_video(tmp_path / f"a.{suffix}", **TWO_SECONDS, codec=codec, pix_fmt="yuv420p10le", options=tags)
    _, window = every_frame(sampler, tmp_path / f"a.{suffix}")
    assert stated_ms(window) == shown_ms(window) == TWO_SECONDS_MS
    pixels = picture(window.frames[0])
    assert pixels.dtype == np.uint8
    assert (np.percentile(pixels, 2) < 40, np.percentile(pixels, 98) > 215) == (True, True)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_frames_that_a_decoder_holds_back_though_the_file_does_not_say_so(tmp_path: Path, sampler: Sampler, suffix: str) -> None:
    """MPEG-2 whose decoding times are those of showing, as cameras write it."""
    make_video(tmp_path / f"delayed.{suffix}", **TWO_SECONDS | {"fps": 25}, codec="mpeg2video")

    def undelay(packet: Packet) -> None:
        packet.dts = packet.pts

    copied(tmp_path / f"delayed.{suffix}", tmp_path / f"a.{suffix}", undelay)
    _, window = every_frame(sampler, tmp_path / f"a.{suffix}")
    assert stated_ms(window) == shown_ms(window) == list(range(0, 2000, 40))


@pytest.mark.parametrize("sizes", [((128, 96), (256, 192)), ((256, 192), (128, 96)), ((128, 96), (96, 128))], ids=["up", "down", "turned"])
@pytest.mark.parametrize("name", ["h264.ts", "hevc.ts", "mpeg2.ts", "mpeg4.ts", "h264.mkv", "vp8.webm", "vp9.webm"])
def test_a_size_that_changes_in_mid_stream_shows_whole_pictures(
    tmp_path: Path, sampler: Sampler, name: str, sizes: tuple[tuple[int, int], ...]
) -> None:
    """Fitted into the first size; what a decoder leaves out at the change is a gap."""
    codec, suffix = name.split(".")
    parts = [tmp_path / f"{number}.{'ts' if name == 'h264.mkv' else suffix}" for number in range(2)]
    for part, size in zip(parts, sizes, strict=True):
        make_video(part, **TWO_SECONDS | CODECS[codec] | {"fps": 25, "size": size})
    one_after_the_other(parts, tmp_path / name, every_s=2)
    info, window = every_frame(sampler, tmp_path / name)
    assert (info.width, info.height) == sizes[0]
    assert [time % 2000 for time in stated_ms(window)] == shown_ms(window)
    whole = set(range(0, 4000, 40))
    missing = whole - set(stated_ms(window))
    assert all(any(gap.span.start_ms <= time < gap.span.end_ms for gap in window.gaps) for time in missing)
    assert len(missing) <= 3
