"""AVI after damage. FFmpeg numbers frames as it finds them, so that those after a lost one bear the times of earlier ones. The file's own
index knows their numbers: the last packets of the file are its last entries, if they are that byte for byte.
"""

import zlib
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from workers.frames.containers.riff import Entry, read_entries
from workers.frames.index import Packets, Rejoin


class Sum(NamedTuple):
    """Of a packet's bytes."""

    length: int
    checksum: int


def rejoined(capture: cv2.VideoCapture, path: Path, packets: Packets, *, alive: Callable[[], None]) -> tuple[Packets, Rejoin] | None:
    """The packets before the damage, and those after it with their true times. `capture`: the file anew, for its packets.

    None: it cannot be told which entries the last packets are.
    """
    entries = read_entries(path)
    lost = [number for number, entry in enumerate(entries) if not entry.in_place]
    count, missing = len(packets.times_ms), len(entries) - len(packets.times_ms)
    if not lost or missing < 0 or count < 2 or packets.failed_after or any(entry.end == entry.start for entry in entries):
        return None
    sums = _sums(capture, alive=alive)
    # What comes before the first lost entry and after the last one is in its place, so that FFmpeg finds it all once it is in step again.
    sure, most = lost[0], min(len(entries) - lost[-1] - 1, count - lost[0])
    tail = _same_at_the_end(path, entries, sums, most=most) if len(sums) == count else 0
    if not tail or not sure:
        return None
    step = (packets.times_ms[-1] - packets.times_ms[0]) / (count - 1)
    rejoin = Rejoin(packets.times_ms[count - tail], missing * step)
    times = array("d", [*packets.times_ms[:sure], *(time + rejoin.shift_ms for time in packets.times_ms[count - tail :])])
    keys = bytearray([*packets.keys[:sure], *(entry.is_key for entry in entries[-tail:])])
    return Packets(times, keys, (sure,), packets.container_frames), rejoin


def _sums(capture: cv2.VideoCapture, *, alive: Callable[[], None]) -> list[Sum]:
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    sums = []
    while capture.grab():
        alive()
        _, content = capture.retrieve()
        sums.append(_sum(content.tobytes() if content is not None else b""))
    return sums


def _same_at_the_end(path: Path, entries: Sequence[Entry], sums: Sequence[Sum], *, most: int) -> int:
    """How many of the last packets are the last entries."""
    with path.open("rb") as file:
        for same in range(most):
            entry = entries[-1 - same]
            file.seek(entry.start)
            if _sum(file.read(entry.end - entry.start)) != sums[-1 - same]:
                return same
    return most


def _sum(content: bytes) -> Sum:
    return Sum(len(content), zlib.crc32(content))
