"""Whether a file goes on to where it says it does.

A header's duration alone proves nothing: many are false. It is believed where the structure proves that bytes are missing; then what lies
between the last frame and that duration is lost. Where bytes are missing and no duration is told, at least the last frame is in doubt.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

# A longer promise is a mistake in the header.
ABSURD_MS = 1e10


@dataclass(frozen=True, slots=True)
class Ending:
    """`cut_off`: bytes are missing at the end. `promised_ms`: how long the video was to be; 0 where nobody says, or nothing is missing;
    `on_clock`: counted from zero of the container's clock, not from the first frame. `starts_ms`: the times on that clock that are written
    in front of the first frames, in any order, where that is easy to read. `broken`: the structure is damaged somewhere. `sure_frames`:
    only so many frames have times that can be trusted; None: all.
    """

    cut_off: bool = False
    promised_ms: int = 0
    starts_ms: tuple[float, ...] = ()
    on_clock: bool = False
    broken: bool = False
    sure_frames: int | None = None


WHOLE = Ending()


def ending(*, cut_off: bool, promised_ms: float = 0, **more: Any) -> Ending:
    """With what is believed of a promise."""
    sane = isfinite(promised_ms) and 0 < promised_ms < ABSURD_MS
    is_missing = cut_off or more.get("broken") or more.get("sure_frames") is not None
    return Ending(cut_off, int(promised_ms) if is_missing and sane else 0, **more)
