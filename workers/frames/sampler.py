"""The door to this package for everyone else: what a video is, and its frames by window."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from core.errors import DecoderFailed, NotAVideo, UnsupportedVideo
from core.frame_size import TOKEN_PIXELS
from core.settings import Settings
from core.spans import Span
from workers.frames.edition import edition
from workers.frames.frame import Frame, SampledWindow, Signals, VideoInfo, WindowPlan
from workers.frames.sandbox.process import Confinement, converse
from workers.frames.sandbox.wire import Message
from workers.frames.windows import Assembly

Beat = Callable[[], None]

VERDICTS = {verdict.code: verdict for verdict in (NotAVideo, UnsupportedVideo)}
# A JPEG is never larger than its pixels in BGR; a head and a tick are small.
PIXEL_BYTES = 3
SPARE_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Limits:
    """What the decoder may use, and what it takes on at all."""

    memory_bytes: int
    cpu_s: int
    stall_s: float
    max_side_px: int
    max_frame_pixels: int
    max_duration_ms: int
    jpeg_quality: int
    isolation: Literal["require", "auto", "off"]

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            memory_bytes=settings.decoder_memory_bytes,
            cpu_s=int(settings.decoder_cpu.total_seconds()),
            stall_s=settings.decoder_stall.total_seconds(),
            max_side_px=settings.max_side_px,
            max_frame_pixels=settings.max_frame_pixels,
            max_duration_ms=int(settings.max_duration.total_seconds() * 1000),
            jpeg_quality=settings.jpeg_quality,
            isolation=settings.sandbox,
        )


class Archive(Protocol):
    """Where what a probe found in one file is kept, so that no later call reads the whole file again. It may lose it."""

    def read(self) -> bytes:
        """What was written last; nothing where it is not there."""

    def write(self, saved: bytes) -> None:
        """Keep it in place of what is there."""


class Decoder(NamedTuple):
    """What the decoder's process says of itself: the version of its FFmpeg, and of `isolation` what is missing and what that exposes."""

    ffmpeg: str | None
    missing: tuple[str, ...]
    exposed: tuple[str, ...]


class Sampler:
    """Each call runs one process of its own, which ends with the call.

    `beat` is called every half second at least while the decoder works; when it raises, the decoder is killed and the error passes
    through. With an `archive` a file is probed once, not by each call. Raises NotAVideo, UnsupportedVideo (the codec, or which limit)
    and DecoderFailed (a crash, a stall, a limit met).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def decoder(self, *, beat: Beat) -> Decoder:
        """Also where isolation is required and cannot be had: it says so."""
        for message in self._ask({"ask": "self"}, output_bytes=SPARE_BYTES, beat=beat):
            head = message.head
            return Decoder(head["ffmpeg"], tuple(head["missing"]), tuple(head["exposed"]))
        raise DecoderFailed("The decoder gave no answer.")

    def probe(self, path: Path, *, beat: Beat, archive: Archive | None = None) -> VideoInfo:
        for message in self._ask({"ask": "info"} | self._subject(path), output_bytes=SPARE_BYTES, beat=beat, archive=archive):
            del message.head["kind"]
            return VideoInfo(**message.head)
        raise DecoderFailed("The decoder gave no answer.")

    def sample(
        self,
        path: Path,
        windows: Sequence[WindowPlan],
        *,
        fps: float,
        frame_tokens: int,
        beat: Beat,
        tolerance_ms: int | None = None,
        spans: Sequence[Span] | None = None,
        archive: Archive | None = None,
    ) -> Iterator[SampledWindow]:
        """The windows (by their starts) one by one, each as soon as its frames are complete; with `spans`, frames in these alone.

        `fps` and `tolerance_ms` must be the same for all the windows of a video; they say which frames are sampled (`timeline.wanted`; by
        default the tolerance is half an interval). A frame costs the model at most `frame_tokens`. Frames that do not come are gaps.
        While nobody asks for the next window the decoder waits.
        """
        if not windows:
            return
        span = Span(windows[0].span.start_ms, max(window.span.end_ms for window in windows))
        most_frames = span.length_ms * fps / 1000 + 4
        output_bytes = SPARE_BYTES + int(most_frames * (frame_tokens * TOKEN_PIXELS * PIXEL_BYTES + 4096))
        request = {
            "ask": "frames",
            "spans": [span] if spans is None else spans,
            "fps": fps,
            "tolerance_ms": round(500 / fps) if tolerance_ms is None else tolerance_ms,
            "frame_tokens": frame_tokens,
            "jpeg_quality": self._limits.jpeg_quality,
        }
        assembly = Assembly(windows)
        for message in self._ask(request | self._subject(path), output_bytes=output_bytes, beat=beat, archive=archive):
            yield from _assemble(assembly, message)
        yield from assembly.end()

    def _subject(self, path: Path) -> dict[str, Any]:
        limits = self._limits
        bounds = {"max_side_px": limits.max_side_px, "max_frame_pixels": limits.max_frame_pixels, "max_duration_ms": limits.max_duration_ms}
        return {"path": str(path.absolute()), "bounds": bounds}

    def _ask(self, request: dict[str, Any], *, output_bytes: int, beat: Beat, archive: Archive | None = None) -> Iterator[Message]:
        limits = self._limits
        confinement = Confinement(limits.memory_bytes, limits.cpu_s, limits.stall_s, output_bytes, limits.isolation)
        known = archive.read() if archive else b""
        for message in converse(request | {"edition": edition() if archive else None}, confinement, beat=beat, known=known):
            if message.head["kind"] == "error":
                raise self._verdict(message.head)
            if message.head["kind"] == "saved" and archive:
                archive.write(message.body)
            else:
                yield message

    def _verdict(self, head: dict[str, Any]) -> NotAVideo | UnsupportedVideo | DecoderFailed:
        if head["code"] in VERDICTS:
            return VERDICTS[head["code"]](head["detail"])
        if head["code"] == DecoderFailed.code:
            return DecoderFailed(head["detail"])
        return DecoderFailed(f"The decoder needed more than the {self._limits.memory_bytes} bytes of memory that it may use.")


def _assemble(assembly: Assembly, message: Message) -> Iterator[SampledWindow]:
    head = message.head
    if head["kind"] == "frame":
        yield from assembly.frame(Frame(head["pts_ms"], message.body, Signals(*head["signals"])))
    elif head["kind"] == "missing":
        yield from assembly.missing(head["pts_ms"])
    else:
        assembly.hole(Span(*head["span"]))
