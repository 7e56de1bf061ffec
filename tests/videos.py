"""Test videos, made on the spot: every frame carries its own time and the events going on in it (see `tests.marks`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.stream import VideoStream

from tests import marks
from tests.marks import Image

TICKS = 90_000
# Codecs that take their clock from the frame rate.
CONSTANT = frozenset({"mpeg4", "mpeg2video", "mjpeg", "flv", "msmpeg4", "wmv2"})
# SVT-AV1 4.1 waits for itself now and then, for ever; see `_in_time`.
HANGING = frozenset({"libsvtav1"})
HANGS, HANGS_AFTER_S = 3, 30
SPEED: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "26"},
    "libx265": {"preset": "ultrafast", "crf": "26", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "2000000"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "30", "b": "0"},
    "libsvtav1": {"preset": "9", "crf": "24"},
    "mjpeg": {"qmin": "3", "qmax": "3"},
}


class Event(NamedTuple):
    """Event `bit` (0 to 7) goes on in every frame with `start_s <= t < end_s`, where t is the frame's own time."""

    bit: int
    start_s: float
    end_s: float


def make_video(
    path: Path,
    *,
    duration_s: float = 10,
    fps: float | Fraction = 10,
    times_ms: Sequence[float] | None = None,
    events: Iterable[tuple[int, float, float]] = (),
    black: Iterable[tuple[float, float]] = (),
    frozen: Iterable[tuple[float, float]] = (),
    codec: str = "libx264",
    size: tuple[int, int] = (640, 360),
    gop: int | None = None,
    bframes: int = 0,
    start_s: float = 0,
    rotation: int = 0,
    pix_fmt: str = "yuv420p",
    sample_aspect_ratio: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
) -> tuple[int, ...]:
    """Write a video (the container goes by the suffix) and give the times of its frames: milliseconds from the first, rounded once.

    `times_ms` makes the frame rate variable and replaces `duration_s` and `fps`. `gop`: frames from key frame to key frame, 2 seconds
    by default. `size` is what is shown; `rotation`: degrees clockwise that a player must turn what is stored. `start_s`: time of the
    first frame on the container's clock. In `black` stretches the picture is black and carries no mark, in `frozen` ones it stays what
    it was at their start, mark and all.
    """
    rate = Fraction(fps).limit_denominator(1001)
    times = _times(duration_s, rate) if times_ms is None else [Fraction(time).limit_denominator(1000) / 1000 for time in times_ms]
    script = _Script([Event(*event) for event in events], list(black), list(frozen))
    film = _Film(
        path=path,
        codec=codec,
        rate=rate,
        times=times,
        script=script,
        size=size,
        gop=gop or max(round(2 * rate), 1),
        bframes=bframes,
        start_s=Fraction(start_s).limit_denominator(TICKS),
        rotation=rotation,
        pix_fmt=pix_fmt,
        sample_aspect_ratio=sample_aspect_ratio,
        options={**_options(codec, bframes), **(options or {})},
        container_options=dict(container_options or {}),
    )
    if codec in HANGING:
        _in_time(film.write)
    else:
        film.write()
    return tuple(milliseconds(time) for time in times)


def milliseconds(time: Fraction) -> int:
    """Rounded once, halves up."""
    return int(time * 1000 + Fraction(1, 2))


def _times(duration_s: float, rate: Fraction) -> list[Fraction]:
    return [number / rate for number in range(round(Fraction(duration_s).limit_denominator(1000) * rate))]


def _options(codec: str, bframes: int) -> dict[str, str]:
    options = dict(SPEED.get(codec, {}))
    if codec == "libx264":
        # ultrafast turns B-frames off; scene cuts would put in key frames of their own.
        options |= {"bf": str(bframes), "sc_threshold": "0"}
    return options


class _Script(NamedTuple):
    """What is to be seen when."""

    events: Sequence[Event]
    black: Sequence[tuple[float, float]]
    frozen: Sequence[tuple[float, float]]

    def pictures(self, times: Iterable[Fraction], size: tuple[int, int]) -> Iterator[tuple[Fraction, Image]]:
        held: Image | None = None
        for time in times:
            if not any(start <= time < end for start, end in self.frozen):
                held = None
            image = self._draw(time, size) if held is None else held
            held = image
            yield time, image

    def _draw(self, time: Fraction, size: tuple[int, int]) -> Image:
        if any(start <= time < end for start, end in self.black):
            return np.zeros((size[1], size[0], 3), np.uint8)
        bits = sum(1 << bit for bit in {event.bit for event in self.events if event.start_s <= time < event.end_s})
        image = _background(bits, size).copy()
        marks.draw(image, time_ms=milliseconds(time), bits=bits)
        return image


class _Film(NamedTuple):
    """All that goes into a file, ready to be written by this process or another."""

    path: Path
    codec: str
    rate: Fraction
    times: Sequence[Fraction]
    script: _Script
    size: tuple[int, int]
    gop: int
    bframes: int
    start_s: Fraction
    rotation: int
    pix_fmt: str
    sample_aspect_ratio: Fraction | None
    options: dict[str, str]
    container_options: dict[str, str]

    def write(self) -> None:
        with av.open(self.path, "w", options=self.container_options) as container:
            stream = container.add_stream(self.codec, rate=self.rate, options=self.options)
            assert isinstance(stream, VideoStream)
            sideways = self.rotation % 180 != 0
            stream.width, stream.height = self.size[::-1] if sideways else self.size
            stream.pix_fmt = self.pix_fmt
            # AVI knows constant rates alone, too.
            constant = self.codec in CONSTANT or self.path.suffix == ".avi"
            stream.codec_context.time_base = 1 / self.rate if constant else Fraction(1, TICKS)
            stream.codec_context.gop_size = self.gop
            stream.codec_context.max_b_frames = self.bframes
            # libvpx threads wait for each other by spinning: where tests take all cores, they take minutes for a second of video.
            stream.codec_context.thread_count = 1
            if self.sample_aspect_ratio is not None:
                stream.codec_context.sample_aspect_ratio = self.sample_aspect_ratio
            if self.rotation:
                stream.set_display_rotation(-self.rotation)
            for time, image in self.script.pictures(self.times, self.size):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(image, self.rotation // 90)), format="rgb24")
                frame.time_base = stream.codec_context.time_base
                frame.pts = round((time + self.start_s) / frame.time_base)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _in_time(write: Callable[[], None]) -> None:
    """Done by another process, which is given up and replaced where it hangs."""
    for _ in range(HANGS):
        process = get_context("spawn").Process(target=write, daemon=True)
        process.start()
        process.join(HANGS_AFTER_S)
        if process.exitcode == 0:
            return
        process.kill()
        process.join()
    raise AssertionError(f"{write} failed or hung {HANGS} times")


@lru_cache(maxsize=64)
def _background(bits: int, size: tuple[int, int]) -> Image:
    """A soft texture around the mark whose colour goes by the events that are on."""
    ys, xs = np.mgrid[0 : size[1], 0 : size[0]]
    wave = 20 * np.sin(xs / size[0] * 9) + 20 * np.cos(ys / size[1] * 7)
    tint = np.array([60 + bits * 89 % 150, 60 + bits * 53 % 150, 60 + bits * 151 % 150])
    image: Image = (tint + wave[..., None]).clip(0, 255).astype(np.uint8)
    return image
