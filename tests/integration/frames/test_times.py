"""Every sampled frame carries its own time: what the marks in the pixels show is what the sampler states, frame by frame."""

from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.stream import VideoStream

from tests.integration.frames.sampling import calm, keys_of, mark, picture, probe, sample, shown_ms, some, stated_ms, whole
from tests.matrix import FRAGMENTS
from tests.videos import make_video
from workers.frames.sampler import Sampler
from workers.frames.timeline import wanted

FILM = Fraction(30_000, 1001)
# Steps between frames in milliseconds, as a phone or a screen recorder makes them; 9.3 s in all.
UNEVEN = [0, *accumulate([33, 34, 33, 33, 34, 100, 40, 16, 17, 250, 33, 700, 33] * 7)]
# Dense first and sparse then, so that no frame number tells a time.
SHIFTY = [*range(0, 20_000, 40), *range(20_000, 60_000, 500), *range(60_000, 70_000, 20)]

HIDDEN_FRAMES = {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"}

VIDEOS: dict[str, dict[str, Any]] = {
    "h264 with B-frames.mp4": {"fps": FILM, "bframes": 3},
    "h264 variable.mp4": {"times_ms": UNEVEN, "bframes": 2},
    "h264 variable.mkv": {"times_ms": UNEVEN},
    "h264 late start.mp4": {"start_s": 5, "bframes": 2},
    "h264 late start.mkv": {"start_s": 1.5, "bframes": 2},
    "h264 late start.ts": {"start_s": 12.3, "bframes": 2, "fps": 25},
    "h264 fragmented.mp4": {"bframes": 2, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mov": {"bframes": 2},
    "h264.flv": {},
    "hevc with B-frames.mp4": {"codec": "libx265", "bframes": 2},
    "hevc 10 bit.mkv": {"codec": "libx265", "pix_fmt": "yuv420p10le"},
    "vp8 with hidden frames.webm": {
        "codec": "libvpx",
        "options": {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"},
    },
    "vp9 film.webm": {"codec": "libvpx-vp9", "fps": FILM},
    "av1.mp4": {"codec": "libsvtav1"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg2.ts": {"codec": "mpeg2video", "fps": 25},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "prores.mov": {"codec": "prores", "pix_fmt": "yuv422p10le", "size": (320, 192)},
    "dnxhd.mov": {"codec": "dnxhd", "pix_fmt": "yuv422p", "size": (1280, 720), "fps": 25, "duration_s": 2, "options": {"b": "60M"}},
    "h263.3gp": {"codec": "h263", "size": (352, 288), "fps": 25},
    "flv1.flv": {"codec": "flv"},
    "msmpeg4v2.avi": {"codec": "msmpeg4v2"},
    "msmpeg4v3.avi": {"codec": "msmpeg4"},
    "wmv1.avi": {"codec": "wmv1"},
    "wmv2.wmv": {"codec": "wmv2"},
}


@pytest.mark.parametrize("name", VIDEOS)
def test_the_time_stated_is_the_time_shown(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    times = make_video(path, **{"duration_s": 5} | VIDEOS[name])
    (window,) = sample(path, whole(path), fps=3)
    assert stated_ms(window) == shown_ms(window)
    assert tuple(stated_ms(window)) == wanted(window.plan.span, fps=3, pts_ms=times, key_ms=keys_of(path, times))
    assert window.gaps == ()


@pytest.mark.parametrize(
    ("name", "options", "container", "codec"),
    [
        ("a.mp4", {"fps": FILM, "bframes": 2}, "mp4", "h264"),
        ("a.mov", {"fps": 25}, "mov", "h264"),
        ("a.webm", {"codec": "libvpx-vp9", "fps": 25}, "webm", "vp9"),
        ("a.mkv", {"codec": "libx265", "fps": 25, "start_s": 2}, "matroska", "hevc"),
        ("a.ts", {"codec": "mpeg2video", "fps": 25}, "mpegts", "mpeg2video"),
        ("a.avi", {"codec": "mpeg4", "fps": 25}, "avi", "mpeg4"),
    ],
)
def test_the_probe_says_what_the_packets_say(tmp_path: Path, name: str, options: dict[str, Any], container: str, codec: str) -> None:
    times = make_video(tmp_path / name, duration_s=4, **options)
    info = probe(tmp_path / name)
    rate = float(options["fps"])
    assert (info.container, info.codec) == (container, codec)
    assert (info.width, info.height, info.rotation) == (640, 360, 0)
    assert info.frames == len(times)
    assert info.duration_ms == pytest.approx(times[-1] + 1000 / rate, abs=1)
    assert info.frame_rate == pytest.approx(rate, rel=0.001)
    assert not info.variable_frame_rate


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_the_container_s_start_is_stored_to_the_millisecond(tmp_path: Path, sampler: Sampler, name: str, bframes: int) -> None:
    make_video(tmp_path / name, duration_s=2, start_s=5.013, fps=25, bframes=bframes)
    assert sampler.probe(tmp_path / name, beat=calm).start_ms == 5013


def test_a_checksum_among_matroska_s_tracks_is_no_list_of_elements(tmp_path: Path, sampler: Sampler) -> None:
    path = tmp_path / "a.mkv"
    make_video(path, duration_s=2, start_s=5.013, fps=25)
    content = path.read_bytes()
    # The first mention is in the list of where things are.
    tracks = content.rindex(bytes.fromhex("1654ae6b"))
    checksum = content.index(bytes.fromhex("bf84"), tracks) + 2
    # Read as an element, it would be one of 2**56 bytes and lead past the end of any file.
    path.write_bytes(content[:checksum] + bytes.fromhex("ec01fffe") + content[checksum + 4 :])
    assert sampler.probe(path, beat=calm).start_ms == 5013


def test_fragments_without_an_edit_list_start_where_their_first_frame_is_shown(tmp_path: Path, sampler: Sampler) -> None:
    make_video(tmp_path / "a.mp4", duration_s=2, fps=25, bframes=2, container_options=FRAGMENTS)
    with av.open(tmp_path / "a.mp4") as container:
        stream = container.streams.video[0]
        assert stream.start_time is not None
        assert stream.time_base is not None
        start_ms = round(1000 * stream.start_time * stream.time_base)
    assert start_ms == 80
    assert sampler.probe(tmp_path / "a.mp4", beat=calm).start_ms == start_ms


def test_a_variable_rate_is_noticed(tmp_path: Path) -> None:
    times = make_video(tmp_path / "a.mp4", times_ms=UNEVEN)
    info = probe(tmp_path / "a.mp4")
    assert info.variable_frame_rate
    assert info.frames == len(times)
    assert info.frame_rate == pytest.approx(1000 * (len(times) - 1) / times[-1], abs=0.01)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b-frames.mp4", {"fps": FILM, "bframes": 3, "duration_s": 40, "gop": 70}),
        ("shifty.mp4", {"times_ms": SHIFTY, "gop": 50, "bframes": 2}),
        ("shifty.mkv", {"times_ms": SHIFTY, "gop": 50}),
        ("late.ts", {"duration_s": 40, "start_s": 7, "bframes": 2, "gop": 30}),
        ("vp9.webm", {"codec": "libvpx-vp9", "duration_s": 30, "gop": 40}),
        ("one key frame.mp4", {"duration_s": 30, "gop": 10_000}),
        ("av1.mp4", {"codec": "libsvtav1", "duration_s": 25, "gop": 30}),
    ],
)
def test_segments_give_the_same_frames_as_one_pass(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    make_video(path, size=(320, 192), **options)
    windows = some(path)
    in_one = sample(path, windows)
    assert all(stated_ms(window) == shown_ms(window) for window in in_one)
    in_parts = [*sample(path, windows[:2]), *sample(path, windows[2:3]), *sample(path, windows[3:])]
    assert in_parts == in_one


def test_windows_need_not_be_neighbours(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=40)
    windows = some(tmp_path / "a.mp4")
    in_one = sample(tmp_path / "a.mp4", windows)
    assert sample(tmp_path / "a.mp4", [windows[1], windows[4]]) == [in_one[1], in_one[4]]


def test_neighbouring_windows_share_the_frames_of_their_overlap(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=20)
    first, second, *_ = sample(tmp_path / "a.mp4", some(tmp_path / "a.mp4"))
    shared = [frame for frame in first.frames if frame.pts_ms >= second.plan.span.start_ms]
    assert shared
    assert shared == list(second.frames[: len(shared)])


@pytest.mark.parametrize("shift_s", [0.73, 2.73])
@pytest.mark.parametrize(("codec", "bframes"), [("libx264", 2), ("libx264", 0), ("libvpx-vp9", 0)])
def test_what_an_edit_list_withholds_is_neither_shown_nor_missing(tmp_path: Path, codec: str, bframes: int, shift_s: float) -> None:
    """As when a phone trims a video: the packets from the key frame on are there, the first of them are not to be shown."""
    times = make_video(tmp_path / "long.mp4", codec=codec, bframes=bframes, duration_s=8, gop=20)
    _trim(tmp_path / "long.mp4", tmp_path / "a.mp4", shift_s)
    info = probe(tmp_path / "a.mp4")
    first = next(time for time in times if time >= shift_s * 1000)
    assert info.frames == len([time for time in times if time >= first])
    assert (info.start_ms, info.duration_ms) == (0, 8000 - first)
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    assert [time + first for time in stated_ms(window)] == shown_ms(window)
    assert window.gaps == ()


def _trim(source: Path, target: Path, shift_s: float) -> None:
    with av.open(source) as old, av.open(target, "w", options={"avoid_negative_ts": "disabled"}) as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        assert stream.time_base is not None
        shift = round(shift_s / stream.time_base)
        for packet in old.demux(stream):
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                new.mux(packet)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_comes_out_upright(tmp_path: Path, rotation: int) -> None:
    make_video(tmp_path / "a.mp4", duration_s=2, rotation=rotation)
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height, info.rotation) == (640, 360, rotation)
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    assert shown_ms(window) == stated_ms(window)
    assert picture(window.frames[0]).shape == (288, 512, 3)


def test_pixels_that_are_not_square_come_out_in_the_right_proportion(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=2, size=(360, 288), sample_aspect_ratio=Fraction(16, 9))
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (640, 288)
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    height, width, _ = picture(window.frames[0]).shape
    assert width / height == pytest.approx(640 / 288, rel=0.05)
    assert shown_ms(window) == stated_ms(window)


def test_events_in_the_pixels_come_through(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=10, events=[(0, 2, 5), (3, 4.5, 8)])
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    seen = {frame.pts_ms: read.bits for frame in window.frames if (read := mark(frame))}
    assert [time for time, bits in seen.items() if bits & 1] == [2000, 2500, 3000, 3500, 4000, 4500]
    assert [time for time, bits in seen.items() if bits & 8] == [4500, 5000, 5500, 6000, 6500, 7000, 7500]


def test_a_single_frame_is_a_video(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times_ms=[0])
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    assert stated_ms(window) == shown_ms(window) == [0]


def test_sound_beside_the_pictures_changes_nothing(tmp_path: Path) -> None:
    times = make_video(tmp_path / "silent.mp4", duration_s=5)
    with av.open(tmp_path / "silent.mp4") as old, av.open(tmp_path / "a.mp4", "w") as new:
        sound = new.add_stream("aac", rate=48_000)
        stream = old.streams.video[0]
        assert isinstance(stream, VideoStream)
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.pts is not None:
                packet.stream = copy
                new.mux(packet)
        for number in range(200):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            new.mux(sound.encode(frame))
        new.mux(sound.encode(None))
    (window,) = sample(tmp_path / "a.mp4", whole(tmp_path / "a.mp4"))
    assert stated_ms(window) == shown_ms(window)
    assert probe(tmp_path / "a.mp4").frames == len(times)
