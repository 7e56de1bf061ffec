"""What is no video, or none that is taken on, is refused with the reason; and no other file is ever opened."""

import os
from pathlib import Path

import av
import cv2
import pytest

from core.containers import MP4
from core.errors import NotAVideo, UnsupportedVideo
from tests.integration.frames.sampling import calm, limited, probe
from tests.videos import make_video
from workers.frames.sandbox.guard import VARIABLE, capture_options

FFCONCAT = "ffconcat version 1.0\nfile other.mp4\n"
M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.mp4\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"This is a text, and no video at all.\n" * 100,
        FFCONCAT.encode(),
        M3U8.encode(),
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        bytes(100_000),
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(1000),
        bytes.fromhex("1a45dfa3") + bytes(1000),
        b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(1000),
        (b"G" + bytes(187)) * 100,
    ],
    ids=["empty", "one byte", "text", "ffconcat", "m3u8", "png", "zeros", "mp4 shell", "mkv shell", "avi shell", "ts shell"],
)
def test_what_is_no_video_is_refused_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    make_video(tmp_path / "other.mp4", duration_s=1)
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(NotAVideo):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("script", [FFCONCAT, M3U8], ids=["ffconcat", "m3u8"])
def test_a_script_that_came_past_us_could_still_open_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """FFmpeg itself must refuse it, with the options that the decoder's process has from its start."""
    make_video(tmp_path / "other.mp4", duration_s=1)
    (tmp_path / "a.m3u8").write_text(script)
    monkeypatch.setenv(VARIABLE, "protocol_whitelist;file")
    assert cv2.VideoCapture(str(tmp_path / "a.m3u8"), cv2.CAP_FFMPEG).isOpened()
    monkeypatch.setenv(VARIABLE, capture_options())
    assert not cv2.VideoCapture(str(tmp_path / "a.m3u8"), cv2.CAP_FFMPEG).isOpened()
    assert cv2.VideoCapture(str(tmp_path / "other.mp4"), cv2.CAP_FFMPEG).isOpened()


def test_a_container_is_opened_by_its_own_demuxer_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video(tmp_path / "a.mkv", duration_s=1)
    monkeypatch.setenv(VARIABLE, capture_options(MP4))
    assert not cv2.VideoCapture(str(tmp_path / "a.mkv"), cv2.CAP_FFMPEG).isOpened()


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(tmp_path / "a.mp4", "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        for number in range(50):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(NotAVideo):
        probe(tmp_path / "a.mp4")


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=5)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(NotAVideo, match="cut off"):
        probe(tmp_path / "a.mp4")


def test_a_codec_that_is_not_known_to_come_out_right_is_refused_by_name(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mkv", codec="ffv1", duration_s=1)
    with pytest.raises(UnsupportedVideo, match="ffv1"):
        probe(tmp_path / "a.mkv")


def test_a_video_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", codec="libsvtav1", duration_s=5)
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(UnsupportedVideo, match="Not one of its 50 av1 frames"):
        probe(tmp_path / "a.mp4")


def test_sides_that_are_too_long_are_refused_with_the_limit(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=0.5)
    with pytest.raises(UnsupportedVideo, match=r"640 x 360; the most is 600 pixels a side"):
        limited(max_side_px=600).probe(tmp_path / "a.mp4", beat=calm)


def test_too_many_pixels_are_refused_with_the_limit(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=0.5)
    with pytest.raises(UnsupportedVideo, match=r"and 200,000 in all"):
        limited(max_frame_pixels=200_000).probe(tmp_path / "a.mp4", beat=calm)


def test_a_video_that_is_too_long_is_refused_with_the_limit(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times_ms=[0, 3_600_000, 7_200_000])
    with pytest.raises(UnsupportedVideo, match=r"lasts 3\.0 hours; the most is 1\.0"):
        limited(max_duration_ms=3_600_000).probe(tmp_path / "a.mp4", beat=calm)


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    for path in (tmp_path / "a.mp4", tmp_path, Path("/dev/zero")):
        with pytest.raises(NotAVideo, match="regular file"):
            probe(path)
