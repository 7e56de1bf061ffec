"""What an FLV file says of its own length: in its metadata, and by the size that is written after each tag."""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO

from workers.frames.containers.ending import Ending, ending

HEAD_BYTES = 64 * 1024
TAG_HEAD = 11
# Sound, pictures, scripts.
TAGS = (8, 9, 18)
# The name of a value in the metadata, and the mark of a double.
DURATION = b"\x00\x08duration\x00"


def read_flv(path: Path) -> Ending:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        reached = max(_ends(file, int.from_bytes(head[5:9], "big") + 4, size), default=size)
        file.seek(max(size - 4, 0))
        last = int.from_bytes(file.read(4), "big")
        file.seek(max(size - 4 - last, 0))
        told = int.from_bytes(file.read(4)[1:], "big") + TAG_HEAD
    place = head.find(DURATION) + len(DURATION)
    seconds = unpack_from(">d", head, place)[0] if DURATION in head[:-8] else 0.0
    return ending(cut_off=last != told, promised_ms=1000 * seconds, on_clock=True, broken=reached != size)


def _ends(file: BinaryIO, place: int, size: int) -> Iterator[int]:
    """Where each tag ends, as long as one follows the other."""
    while place < size:
        file.seek(place)
        head = file.read(TAG_HEAD)
        if len(head) < TAG_HEAD or head[0] not in TAGS:
            return
        place += TAG_HEAD + int.from_bytes(head[1:4], "big") + 4
        yield place
