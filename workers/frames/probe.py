"""What a file is: container, codec, size, and the packet index. Runs in the decoder's process."""

import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import cv2
import numpy as np

from core.containers import HEADER_BYTES, NAMES, recognise
from core.errors import NotAVideo, UnsupportedVideo
from workers.frames.capture import File, position_ms
from workers.frames.codec import CODECS, Codec, codec_of, spell
from workers.frames.containers.boxes import Movie, Track, read_movie
from workers.frames.containers.ending import Ending, ending
from workers.frames.containers.endings import read_ending
from workers.frames.frame import VideoInfo
from workers.frames.index import Edits, Index, Packets, build, read_packets
from workers.frames.lag import as_shown, lag_frames
from workers.frames.rejoin import rejoined

Alive = Callable[[], None]

# Pixels wider or narrower than this are a mistake in the header.
MAX_PIXEL_RATIO = 8.0
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is decoded at all; beyond it a video is refused."""

    max_side_px: int
    max_frame_pixels: int
    max_duration_ms: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be decoded. `width` and `height` are those shown, after rotation and with square pixels."""

    file: File
    codec: Codec
    width: int
    height: int
    rotation: int
    frame_rate: float
    index: Index

    def open(self) -> cv2.VideoCapture:
        return self.file.open(self.codec)

    def info(self) -> VideoInfo:
        index = self.index
        return VideoInfo(
            container=self.file.container.name,
            codec=self.codec.name,
            width=self.width,
            height=self.height,
            rotation=self.rotation,
            frames=len(index.pts_ms),
            duration_ms=index.duration_ms,
            start_ms=index.start_ms,
            frame_rate=round(1000 / index.usual_ms if index.regular else 1000 * (len(index.pts_ms) - 1) / index.pts_ms[-1], 3),
            variable_frame_rate=not index.regular,
        )


def probe(path: Path, bounds: Bounds, *, alive: Alive) -> Source:
    """Raises NotAVideo or UnsupportedVideo, which say what was found."""
    file, capture = _opened(path)
    codec = _codec(capture)
    width, height = _size_shown(capture, bounds)
    rotation, frame_rate = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360, capture.get(cv2.CAP_PROP_FPS)
    samples = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    packets = read_packets(capture, alive=alive)
    capture.release()
    if not packets.times_ms:
        raise NotAVideo(f"There is a video stream in the {file.container.name} file, but there are no frames in it.")
    capture = _decoding(file, codec, packets, alive=alive)
    index = _index(file, codec, capture, packets, frame_rate=frame_rate, samples=samples, alive=alive)
    capture.release()
    if index.duration_ms > bounds.max_duration_ms:
        raise UnsupportedVideo(f"It lasts {index.duration_ms / HOUR_MS:.1f} hours; the most is {bounds.max_duration_ms / HOUR_MS:.1f}.")
    return Source(file, codec, width, height, rotation, frame_rate, index)


def _opened(path: Path) -> tuple[File, cv2.VideoCapture]:
    container = recognise(_header(path))
    if container is None:
        raise NotAVideo(f"This is not a video that can be read: it begins like none of {NAMES}.")
    file = File(path, container)
    capture = file.open()
    if not capture.isOpened() and container.demuxer == "mov":
        # A last fragment of which the table is cut off keeps FFmpeg from opening those before it.
        file = File(path, container, read_movie(path).whole_bytes)
        capture = file.open()
    if not capture.isOpened():
        raise NotAVideo(f"It begins like {container.name}, but no video in it can be opened: it is damaged, cut off, or has none.")
    return file, capture


def _index(
    file: File, codec: Codec, capture: cv2.VideoCapture, packets: Packets, *, frame_rate: float, samples: float, alive: Alive
) -> Index:
    """`capture` has given its first frame; `samples` is the number of frames in OpenCV's words."""
    if file.container.demuxer == "mov":
        movie = read_movie(file.path)
        track = movie.track(samples)
        edits = _edits(movie, track, _shift_ms(capture, file, codec))
        return build(packets, frame_rate=frame_rate, edits=edits, ending=_movie_ending(movie, track, packets))
    end = read_ending(file.path, file.container.demuxer)
    lag = lag_frames(packets, position_ms(capture)) if file.container.demuxer == "avi" else 0
    if lag:
        return build(as_shown(packets, lag), frame_rate=frame_rate, ending=end, lag=lag)
    if end.sure_frames and (found := rejoined(file.open(), file.path, packets, alive=alive)):
        packets, rejoin = found
        return build(packets, frame_rate=frame_rate, ending=replace(end, sure_frames=None), rejoin=rejoin)
    return build(packets, frame_rate=frame_rate, ending=end)


def _header(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotAVideo("This is not a regular file.")
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def _codec(capture: cv2.VideoCapture) -> Codec:
    fourcc = capture.get(cv2.CAP_PROP_FOURCC)
    codec = codec_of(fourcc)
    if codec is None:
        known = ", ".join(sorted({codec.name for codec in CODECS.values()}))
        raise UnsupportedVideo(f"The codec {spell(fourcc)!r} is not supported. Supported are {known}.")
    return codec


def _size_shown(capture: cv2.VideoCapture, bounds: Bounds) -> tuple[int, int]:
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width <= 0 or height <= 0:
        raise NotAVideo("There is a video stream, but it has no size.")
    if max(width, height) > bounds.max_side_px or width * height > bounds.max_frame_pixels:
        raise UnsupportedVideo(
            f"Its frames are {width} x {height}; the most is {bounds.max_side_px} pixels a side and {bounds.max_frame_pixels:,} in all."
        )
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    ratio = across / down if across > 0 and down > 0 else 1.0
    if not 1 / MAX_PIXEL_RATIO <= ratio <= MAX_PIXEL_RATIO:
        ratio = 1.0
    # The ratio is that of the stored picture; OpenCV has turned the size already.
    sideways = capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 != 0
    return (width, max(round(height * ratio), 1)) if sideways else (max(round(width * ratio), 1), height)


def _decoding(file: File, codec: Codec, packets: Packets, *, alive: Alive) -> cv2.VideoCapture:
    """A capture that has given one frame: proof that anything can be decoded."""
    capture = file.open(codec)
    if not capture.isOpened() or not _grab_one(capture, tries=len(packets.times_ms) + len(packets.failed_after) + 1, alive=alive):
        _demand_memory_for_frames(capture)
        raise UnsupportedVideo(f"Not one of its {len(packets.times_ms)} {codec.name} frames could be decoded.")
    return capture


def _shift_ms(capture: cv2.VideoCapture, file: File, codec: Codec) -> float:
    """What to add to raw times to get the decoder's.

    Where an edit list withholds the first packets their times are negative, and raw reading from the start begins at 0 all the same.
    After one decoded frame and a seek to the start it tells the truth (measured in OpenCV 4.14).
    """
    capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    _, first = capture.retrieve() if capture.grab() else (False, None)
    raw = file.open(codec)
    raw.set(cv2.CAP_PROP_FORMAT, -1)
    _, same = raw.retrieve() if raw.grab() else (False, None)
    if first is None or same is None or not np.array_equal(first, same):
        return 0.0
    return position_ms(capture) - position_ms(raw)


def _demand_memory_for_frames(capture: cv2.VideoCapture) -> None:
    """FFmpeg without memory gives no frames and no reason. Raises MemoryError if eight pictures of this size (YUV) find no place."""
    np.empty(int(capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) * 12), np.uint8)


def _grab_one(capture: cv2.VideoCapture, *, tries: int, alive: Alive) -> bool:
    for _ in range(tries):
        alive()
        if capture.grab():
            return True
    return False


def _edits(movie: Movie, track: Track | None, shift: float) -> Edits:
    if track is None:
        return Edits(shift_ms=shift)
    until = inf if track.shown_ms is None or movie.fragmented else track.shown_ms
    return Edits(shift_ms=shift, until_ms=until, start_ms=None if movie.fragmented else track.empty_ms)


def _movie_ending(movie: Movie, track: Track | None, packets: Packets) -> Ending:
    """The tables of samples are believed: where they name more than can be read, the rest is lost. But FFmpeg leaves out some of what an
    edit list does not show.
    """
    promised = movie.promised_ms or (track.shown_ms or track.duration_ms if track else 0)
    broken = track is not None and track.shown_ms is None and not movie.fragmented and track.samples > len(packets.times_ms)
    return ending(cut_off=movie.cut_off, promised_ms=promised, broken=broken)
