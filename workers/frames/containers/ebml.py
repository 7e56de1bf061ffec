"""What a Matroska or WebM file says of its own length and start, in its EBML elements."""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack
from typing import BinaryIO, NamedTuple

from workers.frames.containers.ending import Ending, ending

SEGMENT, INFO, TRACKS, CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
TIMESTAMP_SCALE, DURATION = 0x2AD7B1, 0x4489
TRACK, TRACK_NUMBER, TRACK_TYPE, VIDEO = 0xAE, 0xD7, 0x83, b"\x01"
CLUSTER_TIME, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xE7, 0xA3, 0xA0, 0xA1

# Each costs a read.
MAX_ELEMENTS = 100_000
# Times of blocks enough to know the first frame among them.
STARTS = 64
# A larger cluster is not looked through to its end.
MAX_CLUSTER = 64 * 1024**2


class Element(NamedTuple):
    kind: int
    start: int
    end: int


class _Facts:
    def __init__(self) -> None:
        self.scale_ns, self.duration = 1_000_000, 0.0
        self.video: set[int] = set()
        self.starts: list[int] = []
        self.reached = 0
        self.broken = False
        self.cluster_time = 0


def read_matroska(path: Path) -> Ending:
    size, facts = path.stat().st_size, _Facts()
    with path.open("rb") as file:
        for element in _elements(file, 0, size):
            facts.reached = max(facts.reached, element.end)
            if element.kind == SEGMENT:
                for part in _elements(file, element.start, min(element.end, size)):
                    facts.reached = max(facts.reached, part.end)
                    facts.broken = facts.broken or (part.kind == CLUSTER and not _is_whole(file, part))
                    _learn(file, part, facts)
                facts.broken = facts.broken or facts.reached < min(element.end, size)
    to_ms = facts.scale_ns / 1e6
    starts = tuple(start * to_ms for start in facts.starts)
    return ending(cut_off=facts.reached > size, promised_ms=facts.duration * to_ms, starts_ms=starts, on_clock=True, broken=facts.broken)


def _is_whole(file: BinaryIO, cluster: Element) -> bool:
    """Whether what is in it follows one upon the other to its very end."""
    file.seek(cluster.start)
    content, place = file.read(min(cluster.end - cluster.start, MAX_CLUSTER)), 0
    while place < len(content):
        kind_length = 9 - content[place].bit_length()
        if kind_length > 2 or place + kind_length >= len(content):
            return False
        size, size_length = _variable(content[place + kind_length : place + kind_length + 8])
        place += kind_length + size_length + size
    return place == len(content) or len(content) == MAX_CLUSTER


def _learn(file: BinaryIO, part: Element, facts: _Facts) -> None:
    """From a part of the segment. What is in a cluster of unknown size comes here by itself."""
    if part.kind == INFO:
        for element in _elements(file, part.start, part.end):
            _learn_info(element.kind, _payload(file, element), facts)
    elif part.kind == TRACKS:
        for track in _elements(file, part.start, part.end):
            if track.kind != TRACK:
                continue
            told = {element.kind: _payload(file, element) for element in _elements(file, track.start, track.end)}
            if told.get(TRACK_TYPE) == VIDEO:
                facts.video.add(_number(told.get(TRACK_NUMBER, b"")))
    elif len(facts.starts) < STARTS:
        _learn_times(file, part, facts)


def _learn_info(kind: int, payload: bytes, facts: _Facts) -> None:
    if kind == TIMESTAMP_SCALE:
        facts.scale_ns = _number(payload) or facts.scale_ns
    elif kind == DURATION and len(payload) in {4, 8}:
        facts.duration = float(unpack(">d" if len(payload) == 8 else ">f", payload)[0])


def _learn_times(file: BinaryIO, part: Element, facts: _Facts) -> None:
    if part.kind in {CLUSTER, BLOCK_GROUP}:
        for element in _elements(file, part.start, part.end):
            _learn_times(file, element, facts)
    elif part.kind == CLUSTER_TIME:
        facts.cluster_time = _number(_payload(file, part))
    elif part.kind in {SIMPLE_BLOCK, BLOCK}:
        head = _payload(file, part)
        track, length = _variable(head)
        if track in facts.video:
            facts.starts.append(facts.cluster_time + int.from_bytes(head[length : length + 2], "big", signed=True))


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[Element]:
    """The elements of a stretch of the file; the last one may end beyond it.

    Of unknown size are the segment and the clusters of a recording that was never closed: the one goes on to the end, the others are
    followed by what is in them.
    """
    for _ in range(MAX_ELEMENTS):
        if start >= end:
            return
        file.seek(start)
        head = file.read(12)
        kind_length = 9 - head[0].bit_length() if head else 0
        if not 1 <= kind_length <= 4 or len(head) <= kind_length:
            return
        kind = int.from_bytes(head[:kind_length], "big")
        size, size_length = _variable(head[kind_length:])
        start += kind_length + size_length
        if size == (1 << 7 * size_length) - 1:
            if kind == SEGMENT:
                yield Element(kind, start, end)
                return
            continue
        yield Element(kind, start, start + size)
        start += size


def _variable(head: bytes) -> tuple[int, int]:
    """A number of variable length, and that length. Raises IndexError at the end of the file."""
    length = 9 - head[0].bit_length()
    return int.from_bytes(head[:length], "big") & (1 << 7 * length) - 1, length


def _number(payload: bytes) -> int:
    return int.from_bytes(payload, "big")


def _payload(file: BinaryIO, element: Element) -> bytes:
    """Of the small elements that hold one value, and the head of a block."""
    file.seek(element.start)
    return file.read(min(element.end - element.start, 12))
