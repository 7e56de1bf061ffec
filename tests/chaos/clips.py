"""The videos that are uploaded again and again: each of eight windows, with events whose times are known."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.videos import make_video

DURATION_S = 25.0
WINDOWS = 8
SAMPLING: Mapping[str, Any] = {"window_s": 4, "overlap_s": 1, "fps": 2, "frame_tokens": 60, "skip_static": False}
"""Eight windows of four seconds, a second of which the next one sees again."""

TYPES = [{"id": f"mark_{bit}", "description": f"the sign of bit {bit} is lit"} for bit in range(3)]

Drawn = tuple[tuple[int, float, float], ...]

SCRIPTS: Mapping[str, Drawn] = {
    "busy": ((0, 1.3, 6.7), (1, 4.2, 9.4), (0, 10.3, 12.2), (2, 11.4, 20.1), (1, 17.3, 19.7), (0, 21.2, 25.0)),
    "long": ((2, 0.0, 13.3), (0, 14.7, 25.0)),
    "sparse": ((1, 2.2, 3.4), (1, 15.3, 16.8)),
    "all": ((0, 0.0, 25.0), (1, 0.0, 25.0), (2, 6.3, 7.7)),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """`drawn`: `(type, start_ms, end_ms)` of what is to be seen in it, in order."""

    name: str
    content: bytes
    drawn: tuple[tuple[str, int, int], ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def duration_ms(self) -> int:
        return round(DURATION_S * 1000)


def make_clips(folder: Path) -> dict[str, Clip]:
    return {name: _make(folder / f"{name}.mp4", drawn) for name, drawn in SCRIPTS.items()}


def _make(path: Path, drawn: Drawn) -> Clip:
    make_video(path, duration_s=DURATION_S, fps=4, events=drawn, size=(320, 180))
    return Clip(
        path.stem,
        path.read_bytes(),
        tuple(sorted(((f"mark_{bit}", round(start * 1000), round(end * 1000)) for bit, start, end in drawn), key=lambda each: each[1:])),
    )
