"""The matrix of videos: codecs, the containers that hold them, and the rhythms in which frames come. All tiny."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

SIZE = (128, 96)
FRAMES = 30
FILM = Fraction(30_000, 1001)
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

CODECS: Mapping[str, Mapping[str, Any]] = {
    "h264": {"codec": "libx264"},
    "hevc": {"codec": "libx265"},
    "hevc 10 bit": {"codec": "libx265", "pix_fmt": "yuv420p10le"},
    "vp8": {"codec": "libvpx"},
    "vp9": {"codec": "libvpx-vp9"},
    "av1": {"codec": "libsvtav1"},
    "mpeg4": {"codec": "mpeg4"},
    "mpeg2": {"codec": "mpeg2video"},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "flv1": {"codec": "flv"},
    "msmpeg4v3": {"codec": "msmpeg4"},
    "wmv2": {"codec": "wmv2"},
}
# Fragmented mp4 has a suffix of its own here; see `suffix`.
HOLDS: Mapping[str, tuple[str, ...]] = {
    "h264": ("mp4", "mov", "mkv", "avi", "ts", "fragmented.mp4", "flv"),
    "hevc": ("mp4", "mov", "mkv", "ts", "fragmented.mp4"),
    "hevc 10 bit": ("mp4", "mov", "mkv", "ts", "fragmented.mp4"),
    "vp8": ("mkv", "webm", "avi"),
    "vp9": ("mp4", "mkv", "webm", "avi", "fragmented.mp4"),
    "av1": ("mp4", "mkv", "webm", "avi", "fragmented.mp4"),
    "mpeg4": ("mp4", "mov", "mkv", "avi", "ts", "fragmented.mp4"),
    "mpeg2": ("mp4", "mov", "mkv", "avi", "ts", "fragmented.mp4"),
    "mjpeg": ("mp4", "mov", "mkv", "avi", "fragmented.mp4"),
    "flv1": ("flv",),
    "msmpeg4v3": ("avi", "wmv"),
    "wmv2": ("avi", "wmv"),
}
REORDERING = ("h264", "hevc", "hevc 10 bit", "mpeg4", "mpeg2")
# These write their times in ticks of the frame rate: their frames may be dropped, and never come in between.
ON_THE_GRID = ("mpeg4", "mpeg2", "mjpeg", "flv1", "msmpeg4v3", "wmv2")

# Two dropped frames, then one, then seven.
DROPPED = [40 * number for number in range(FRAMES) if number not in {5, 6, 11, *range(17, 24)}]
UNEVEN = [0, 33, 67, 100, 133, 167, 267, 307, 323, 340, 590, 623, 1323, 1356, 1389, 1489, 1529, 1545, 1562, 1812, 1845, 2545]


def videos() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and what `make_video` is to be told. The name ends like a file's."""
    for codec, containers in HOLDS.items():
        for container in containers:
            for rhythm, options in _rhythms(codec, container):
                fragments = {"container_options": FRAGMENTS} if container == "fragmented.mp4" else {}
                yield f"{codec} {rhythm}.{container}", {"size": SIZE, "gop": 10, **CODECS[codec], **options, **fragments}


def _rhythms(codec: str, container: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "25", {"fps": 25, "duration_s": FRAMES / 25}
    yield "film", {"fps": FILM, "duration_s": FRAMES / FILM}
    yield "dropped", {"fps": 25, "times_ms": DROPPED}
    if codec not in ON_THE_GRID and container != "avi":
        yield "uneven", {"times_ms": UNEVEN}
    if codec in REORDERING:
        yield "B-frames", {"fps": 25, "duration_s": FRAMES / 25, "bframes": 2}
        yield "B-frames dropped", {"fps": 25, "times_ms": DROPPED, "bframes": 2}
