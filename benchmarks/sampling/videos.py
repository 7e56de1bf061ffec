"""The videos that are sampled: H.264 as cameras and encoders make it, with moving content, noise, B-frames, and key frames at a fixed
distance.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

FPS = 30
SHAKE_PX = 12


class Encoder(NamedTuple):
    """How a kind of device encodes. `bit_rate`: at 1080p; other sizes get their share. `is_constant`: each eighth of a second has as many
    bits.
    """

    bit_rate: int
    options: Mapping[str, str]
    is_constant: bool


# With time to think: B-frames, and bits moved to the frames that others refer to.
PLATFORM = Encoder(8_000_000, {"preset": "veryfast", "bf": "2", "sc_threshold": "0"}, is_constant=False)
# Each frame as it comes, all with the same care. Phones write 1080p with about 17 Mb/s, and key frames twice as large as others (in files
# of two phones; here they come out 2.7 times as large).
PHONE = Encoder(
    17_000_000, {"preset": "superfast", "tune": "zerolatency", "sc_threshold": "0", "x264-params": "ipratio=1.0"}, is_constant=True
)
# A scene stays this long; a cut falls on no key frame in particular.
SCENE_S = 11
# The noise of a frame is cut out of a larger field, at a place of its own.
GRAIN_MARGIN = 128


class Kind(NamedTuple):
    """One video to be made."""

    name: str
    key_every_s: float
    encoder: Encoder
    size: tuple[int, int] = (1920, 1080)


def make(folder: Path, kind: Kind, seconds: int) -> Path:
    """The video, made if it is not there yet: at 1080p that takes about as long as it lasts."""
    path = folder / f"{kind.name}-{seconds}s.mp4"
    if path.exists():
        return path
    print(f"making {path} ...", file=sys.stderr, flush=True)
    unfinished = path.with_suffix(".part")
    with av.open(unfinished, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options=_options(kind))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = kind.size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = _bit_rate(kind)
        stream.codec_context.gop_size = round(kind.key_every_s * FPS)
        for picture in _pictures(kind.size, seconds * FPS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(stream.encode(None))
    return unfinished.rename(path)


def _bit_rate(kind: Kind) -> int:
    return kind.encoder.bit_rate * kind.size[0] * kind.size[1] // (1920 * 1080)


def _options(kind: Kind) -> dict[str, str]:
    rate = _bit_rate(kind)
    return {**kind.encoder.options, **({"maxrate": f"{rate}", "bufsize": f"{rate // 8}"} if kind.encoder.is_constant else {})}


def _pictures(size: tuple[int, int], count: int) -> Iterator[NDArray[np.uint8]]:
    """Planar YUV: a camera in a hand that pans over a detailed scene in which things move, with sensor noise."""
    width, height = size
    random = np.random.default_rng(1)
    grain = _grain(random, (width + GRAIN_MARGIN, height + GRAIN_MARGIN))
    for number in range(count):
        scene, at = divmod(number, SCENE_S * FPS)
        if at == 0:
            canvas = _canvas(np.random.default_rng(scene), (width * 3 // 2, height * 5 // 4))
            things = np.random.default_rng(scene).integers(0, 1 << 16, (12, 6))
        left, top = at * width // 3 // (SCENE_S * FPS), round((1 + np.sin(at / 40)) * height / 16)
        left, top = (int(place + random.integers(0, SHAKE_PX)) for place in (left, top))
        picture = canvas[top : top + height, left : left + width].copy()
        for thing in things:
            _draw(picture, thing, at)
        x, y = random.integers(0, GRAIN_MARGIN, 2)
        yield _planar(cv2.add(picture, grain[y : y + height, x : x + width], dtype=cv2.CV_8U))


def _canvas(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Detail of every size, as in leaves, walls and faces."""
    width, height = size
    canvas = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 9):
        layer = random.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        canvas += cv2.resize(layer, size, interpolation=cv2.INTER_CUBIC) * 46 / octave
    return np.asarray((canvas + 120).clip(0, 255), np.uint8)


def _grain(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.int16]:
    grey = random.normal(0, 3.0, (size[1], size[0], 1))
    return np.repeat(grey, 3, axis=2).round().astype(np.int16)


def _draw(picture: NDArray[np.uint8], thing: NDArray[Any], at: int) -> None:
    """Something of a size of its own that goes its own way."""
    height, width = picture.shape[:2]
    x, y, across, down, size, tint = (int(number) for number in thing)
    place = ((x + at * (across % 17 - 8)) % width, (y + at * (down % 9 - 4)) % height)
    axes = (height // 40 + size % (height // 12), height // 30 + tint % (height // 9))
    cv2.ellipse(picture, place, axes, at % 360, 0, 360, (tint % 255, size % 255, x % 255), -1, cv2.LINE_AA)


def _planar(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def lengthen(path: Path, times: int) -> Path:
    """The same video over and over, without encoding anything."""
    longer = path.with_stem(f"{path.stem}-x{times}")
    if longer.exists():
        return longer
    with av.open(path) as old, av.open(longer, "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        packets = [packet for packet in old.demux(stream) if packet.pts is not None and packet.dts is not None]
        content = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        assert stream.duration is not None
        for number in range(times):
            for data, pts, dts, is_key in content:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = copy, stream.time_base, is_key
                packet.pts, packet.dts = pts + number * stream.duration, dts + number * stream.duration
                new.mux(packet)
    return longer
