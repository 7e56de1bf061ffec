"""What an mp4 or mov file says of itself that OpenCV does not tell: how long it was to be, what its edit list shows, and whether it was
cut off.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO, NamedTuple

# No honest file comes near; each box costs a read.
MAX_BOXES = 100_000
MAX_PAYLOAD = 1024**2
HEADER_BYTES = 8
WITH_FRAMES = frozenset({b"moov", b"sidx", b"moof", b"mdat"})


class Box(NamedTuple):
    kind: bytes
    start: int
    end: int


class Run(NamedTuple):
    """What a segment index refers to: a stretch of time, and where in the file it ends."""

    from_ms: float
    until_ms: float
    end: int


@dataclass(frozen=True, slots=True)
class Track:
    """A video track: samples in its tables, its length on the movie's clock, how long the edit list shows nothing at first, and how much
    of the track it shows (None: all).
    """

    samples: int
    duration_ms: float
    empty_ms: float
    shown_ms: float | None


@dataclass(frozen=True, slots=True)
class Movie:
    """`cut_off`: a box with frames, or what a box refers to, was to go on beyond the end of the file. `promised_ms`: how long the fragments
    say that they are, all together; 0 where they do not. `whole_bytes`: where the last box ends that is all there.
    """

    cut_off: bool
    tracks: tuple[Track, ...]
    promised_ms: float = 0.0
    whole_bytes: int = 0
    fragmented: bool = False

    def track(self, samples: float) -> Track | None:
        """The video track with so many samples, as the number of frames in OpenCV's words; the first one where none fits."""
        return next((track for track in self.tracks if track.samples == samples), next(iter(self.tracks), None))


def read_movie(path: Path) -> Movie:
    """Never fails on a damaged file: what cannot be read is not there."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            top = list(_boxes(file, 0, size))
            movie = next((box for box in top if box.kind == b"moov"), None)
            tracks = tuple(_tracks(file, movie)) if movie else ()
            runs = [run for box in top if box.kind == b"sidx" and (run := _run(_payload(file, box), box.end))]
            header = _payload(file, _find(file, movie, b"mvex", b"mehd")) if movie else b""
            length = _movie_length(_payload(file, _find(file, movie, b"mvhd")), header) if movie and header else 0.0
        except struct.error:
            return Movie(cut_off=True, tracks=())
    reached = max([run.end for run in runs] + [box.end for box in top if box.kind in WITH_FRAMES], default=0)
    # A fragment's table without its frames, or half a box's header.
    stray = bool(top) and (top[-1].kind == b"moof" or 0 < size - top[-1].end < HEADER_BYTES)
    promised = runs[-1].until_ms - runs[0].from_ms if runs else length
    whole = max((box.end for box in top if box.end <= size), default=0)
    return Movie(
        cut_off=reached > size or stray,
        tracks=tracks,
        promised_ms=promised,
        whole_bytes=whole,
        fragmented=any(box.kind == b"moof" for box in top),
    )


def _run(payload: bytes, end: int) -> Run | None:
    """From the version, the scale, the earliest time and the first offset; then the sizes and durations of what is referred to."""
    if len(payload) < 32:
        return None
    scale = unpack_from(">I", payload, 8)[0] or 1
    earliest, offset, place = (*unpack_from(">QQ", payload, 12), 28) if payload[0] else (*unpack_from(">II", payload, 12), 20)
    count = min(unpack_from(">H", payload, place + 2)[0], (len(payload) - place - 4) // 12)
    parts = [unpack_from(">II", payload, place + 4 + 12 * number) for number in range(count)]
    length = sum(duration for _, duration in parts)
    return Run(1000 * earliest / scale, 1000 * (earliest + length) / scale, end + offset + sum(size & 0x7FFFFFFF for size, _ in parts))


def _movie_length(movie: bytes, fragments: bytes) -> float:
    """In milliseconds, from the headers of the movie (for its clock) and of all its fragments."""
    scale = unpack_from(">I", movie, 20 if movie[:1] == b"\x01" else 12)[0] or 1
    length = unpack_from(">Q", fragments, 4)[0] if fragments[0] else unpack_from(">I", fragments, 4)[0]
    return float(1000 * length / scale)


def _tracks(file: BinaryIO, movie: Box) -> Iterator[Track]:
    header = _payload(file, _find(file, movie, b"mvhd"))
    scale = unpack_from(">I", header, 20 if header[:1] == b"\x01" else 12)[0] or 1
    for track in _boxes(file, movie.start, movie.end):
        if track.kind == b"trak" and _payload(file, _find(file, track, b"mdia", b"hdlr"))[8:12] == b"vide":
            sizes = _payload(file, _find(file, track, b"mdia", b"minf", b"stbl", b"stsz"), 12)
            edits = _edits(_payload(file, _find(file, track, b"edts", b"elst")))
            lengths = [length for length, media_time in edits if media_time >= 0]
            yield Track(
                samples=unpack_from(">I", sizes, 8)[0] if sizes else 0,
                duration_ms=1000 * _track_duration(_payload(file, _find(file, track, b"tkhd"))) / scale,
                empty_ms=1000 * sum(length for length, _ in takewhile(lambda edit: edit[1] < 0, edits)) / scale,
                # An edit of length 0 shows all there is.
                shown_ms=1000 * sum(lengths) / scale if lengths and all(lengths) else None,
            )


def _track_duration(header: bytes) -> int:
    if not header:
        return 0
    length, unknown = (unpack_from(">Q", header, 28)[0], 2**64 - 1) if header[0] == 1 else (unpack_from(">I", header, 20)[0], 2**32 - 1)
    return 0 if length == unknown else int(length)


def _edits(payload: bytes) -> list[tuple[int, int]]:
    """Lengths on the movie's clock, and media times; these are negative where nothing is shown."""
    if not payload:
        return []
    form, size = (">Qq", 20) if payload[0] == 1 else (">Ii", 12)
    count = min(unpack_from(">I", payload, 4)[0], (len(payload) - 8) // size)
    return [unpack_from(form, payload, 8 + place * size) for place in range(count)]


def _find(file: BinaryIO, parent: Box, *kinds: bytes) -> Box | None:
    box: Box | None = parent
    for kind in kinds:
        box = next((child for child in _boxes(file, box.start, box.end) if child.kind == kind), None) if box else None
    return box


def _payload(file: BinaryIO, box: Box | None, limit: int = MAX_PAYLOAD) -> bytes:
    if box is None:
        return b""
    file.seek(box.start)
    return file.read(min(box.end - box.start, limit))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes of a stretch of the file; the last one may end beyond it."""
    for _ in range(MAX_BOXES):
        file.seek(start)
        header = file.read(16)
        if start + 8 > end or len(header) < 8:
            return
        size, kind, head = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 1:
            size, head = int.from_bytes(header[8:16], "big"), 16
        if size == 0:
            size = end - start
        if size < head:
            return
        yield Box(kind, start + head, start + size)
        start += size
