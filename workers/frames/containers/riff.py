"""What an AVI file says of its own length, in its RIFF chunks."""

from collections.abc import Iterator
from pathlib import Path
from struct import iter_unpack, pack, unpack_from
from typing import BinaryIO, NamedTuple

from workers.frames.containers.ending import WHOLE, Ending, ending

MAX_CHUNKS = 10_000
# Recorders that were stopped in the middle leave these as sizes: nothing was promised yet.
UNKNOWN = (0, 0xFFFFFFFF)
LISTS = (b"RIFF", b"LIST")
STREAM_HEADER_BYTES = 36
# AVIIF_KEYFRAME
KEY = 0x10


class Chunk(NamedTuple):
    """`kind` of a list is what it lists. `end` does not count the byte that pads it to an even size."""

    kind: bytes
    start: int
    end: int


class Entry(NamedTuple):
    """A frame by the file's own index: where its bytes are. `in_place`: a chunk of that name and size begins in front of them."""

    start: int
    end: int
    is_key: bool
    in_place: bool


def read_avi(path: Path) -> Ending:
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = list(_chunks(file, 0, size))
        if not parts or parts[-1].end - parts[-1].start + 4 in UNKNOWN:
            return WHOLE
        inner = list(_chunks(file, parts[0].start, min(parts[0].end, size)))
        header = next((chunk for chunk in inner if chunk.kind == b"hdrl"), None)
        streams = list(_streams(file, header)) if header else []
        number, length = next(((number, length) for number, length in enumerate(streams) if length is not None), (0, 0.0))
        sure = _sure_frames(file, inner, number) if len(parts) == 1 else None
    return ending(cut_off=parts[-1].end > size, promised_ms=length or 0.0, sure_frames=sure)


def read_entries(path: Path) -> list[Entry]:
    """All frames of the pictures' stream, in order; none where the index is not that of the whole file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = list(_chunks(file, 0, size))
        inner = list(_chunks(file, parts[0].start, min(parts[0].end, size))) if len(parts) == 1 else []
        header = next((chunk for chunk in inner if chunk.kind == b"hdrl"), None)
        streams = list(_streams(file, header)) if header else []
        number = next((number for number, length in enumerate(streams) if length is not None), 0)
        return list(_entries(file, inner, number))


def _sure_frames(file: BinaryIO, inner: list[Chunk], stream: int) -> int | None:
    """How many of the stream's chunks are where the index says, before the first that is not. FFmpeg numbers the frames as it finds them:
    those after one that is lost get the times of earlier ones. None: all are there, or there is no index.
    """
    if all(chunk.kind != b"movi" for chunk in inner):
        return 0
    return next((number for number, entry in enumerate(_entries(file, inner, stream)) if not entry.in_place), None)


def _entries(file: BinaryIO, inner: list[Chunk], stream: int) -> Iterator[Entry]:
    kinds = {chunk.kind: chunk for chunk in inner}
    if not kinds.keys() >= {b"movi", b"idx1"}:
        return
    movie, index = kinds[b"movi"], kinds[b"idx1"]
    file.seek(index.start)
    table = file.read(index.end - index.start)
    rows = list(iter_unpack("<4s3I", table[: len(table) // 16 * 16]))
    # Offsets count from the file's start, or from the word `movi`.
    zero = 0 if rows and rows[0][2] >= movie.start else movie.start - 4
    for name, flags, offset, size in rows:
        if name in (b"%02ddc" % stream, b"%02ddb" % stream):
            file.seek(zero + offset)
            start = zero + offset + 8
            yield Entry(start, start + size, bool(flags & KEY), file.read(8) == name + pack("<I", size))


def _streams(file: BinaryIO, header: Chunk) -> Iterator[float | None]:
    """The length of each stream in milliseconds; None for all but pictures."""
    for stream in _chunks(file, header.start, header.end):
        for chunk in _chunks(file, stream.start, stream.end) if stream.kind == b"strl" else ():
            if chunk.kind == b"strh":
                file.seek(chunk.start)
                payload = file.read(STREAM_HEADER_BYTES)
                scale, rate, _, frames = unpack_from("<4I", payload, 20)
                length = 1000 * frames * scale / rate if rate else 0.0
                yield length if payload[:4] == b"vids" else None


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[Chunk]:
    """The chunks of a stretch of the file; the last one may end beyond it."""
    for _ in range(MAX_CHUNKS):
        file.seek(start)
        header = file.read(12)
        if start + 8 > end or len(header) < 8:
            return
        (size,) = unpack_from("<I", header, 4)
        is_list = header[:4] in LISTS
        yield Chunk(header[8:12] if is_list else header[:4], start + (12 if is_list else 8), start + 8 + size)
        start += 8 + size + size % 2
