"""A probed video in a few kilobytes, so that whoever decodes a part of it need not read the whole of it again.

They are written and read in the decoder's process alone. Hostile bytes may have written them, so they are taken as what they are: of that
file and no better. What cannot be read is not there.
"""

import json
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.containers import SUPPORTED
from core.spans import Span
from workers.frames.capture import File
from workers.frames.codec import CODECS
from workers.frames.index import Index, Rejoin
from workers.frames.probe import Source

# More than a day has at 60 frames a second. Longer indexes are made anew each time.
MAX_TIMES = 6_000_000
TIME_BYTES = 8
MAX_HEAD = 1024**2
MAX_SAVED = 8 * 1024**2
# The head and the tail of a file hold what its demuxer reads first.
END_BYTES = 64 * 1024
TIMES = ("pts_ms", "key_ms")


def save(source: Source, edition: str) -> bytes | None:
    """`edition`: whatever else decides what a probe says. None: too much to be kept."""
    index, container = source.index, source.file.container
    times = [np.diff(np.asarray(getattr(index, name), "<i8"), prepend=0) for name in TIMES]
    counts = [len(steps) for steps in times]
    head = {
        "file": _likeness(source.file.path),
        "edition": edition,
        "container": container.name,
        "whole_bytes": source.file.whole_bytes,
        "codec": source.codec.name,
        "source": {name: getattr(source, name) for name in ("width", "height", "rotation", "frame_rate")},
        "index": {field.name: getattr(index, field.name) for field in fields(Index) if field.name not in TIMES},
        "times": counts,
    }
    line = json.dumps(head).encode() + b"\n"
    saved = zlib.compress(line + b"".join(steps.tobytes() for steps in times), level=1)
    return saved if len(line) <= MAX_HEAD and sum(counts) <= MAX_TIMES and len(saved) <= MAX_SAVED else None


def load(saved: bytes, path: Path, edition: str) -> Source | None:
    """None: it is of another file or edition, or damaged."""
    try:
        line, _, times = _inflated(saved).partition(b"\n")
        head = json.loads(line)
        if head["file"] != _likeness(path) or head["edition"] != edition:
            return None
        return _source(head, path, times)
    except (zlib.error, ValueError, KeyError, TypeError, StopIteration):
        return None


def _source(head: dict[str, Any], path: Path, times: bytes) -> Source:
    """Raises ValueError, KeyError, TypeError, StopIteration."""
    pts, keys = head["times"]
    if len(times) != (pts + keys) * TIME_BYTES or not pts:
        raise ValueError("times are missing")
    head["index"]["holes"] = tuple(Span(*hole) for hole in head["index"]["holes"])
    if head["index"]["rejoin"]:
        head["index"]["rejoin"] = Rejoin(*head["index"]["rejoin"])
    return Source(
        file=File(path, next(container for container in SUPPORTED if container.name == head["container"]), head["whole_bytes"]),
        codec=next(codec for codec in CODECS.values() if codec.name == head["codec"]),
        index=Index(**head["index"], pts_ms=_ascending(times[: pts * TIME_BYTES]), key_ms=_ascending(times[pts * TIME_BYTES :])),
        **head["source"],
    )


def _inflated(saved: bytes) -> bytes:
    """Raises zlib.error also for what would take more memory than it may, or is cut off."""
    inflater = zlib.decompressobj()
    content = inflater.decompress(saved, MAX_HEAD + MAX_TIMES * TIME_BYTES)
    if not inflater.eof:
        raise zlib.error("too long or cut off")
    return content


def _ascending(steps: bytes) -> Sequence[int]:
    """Raises ValueError."""
    apart = np.frombuffer(steps, "<i8")
    if (apart[1:] <= 0).any():
        raise ValueError("times do not ascend")
    return array("q", apart.cumsum().astype("=i8").tobytes())


def _likeness(path: Path) -> list[int]:
    """What tells a file from another in its place, without reading all of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return [size, _checksum(file, 0), _checksum(file, max(size - END_BYTES, 0))]


def _checksum(file: BinaryIO, place: int) -> int:
    file.seek(place)
    return zlib.crc32(file.read(END_BYTES))
