"""Timecode: frames of an editor's timeline, counted and labelled (SMPTE ST 12-1)."""

import re
from dataclasses import dataclass
from fractions import Fraction

NTSC = Fraction(1000, 1001)

RATES = {
    "23.976": 24 * NTSC,
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": 30 * NTSC,
    "30": Fraction(30),
    "47.952": 48 * NTSC,
    "48": Fraction(48),
    "50": Fraction(50),
    "59.94": 60 * NTSC,
    "60": Fraction(60),
    "100": Fraction(100),
    "119.88": 120 * NTSC,
    "120": Fraction(120),
}
"""What timelines of editors run at, in frames a second."""

NEAR = Fraction(1, 400)
"""How far a video's measured rate may be from the one that it means: less than 23.976 is from 24.1."""

_LABEL = re.compile(r"(\d{2}):([0-5]\d):([0-5]\d)([:;])(\d{2,3})", re.ASCII)


def rate_of(frame_rate: float, *, variable: bool) -> Fraction:
    """The rate of the timeline that an editor makes of a video.

    A rate below any editor's, such as 15, is shown at the lowest that is a whole multiple of it; one that varies, or is like no other,
    at the nearest to its average. Either way an event keeps its time, to half a frame.
    """
    for times in range(1, 1 if variable else 13):
        near = _nearest(times * frame_rate)
        if abs(near - Fraction(times * frame_rate)) <= near * NEAR:
            return near
    return _nearest(frame_rate)


def _nearest(frame_rate: float) -> Fraction:
    return min(RATES.values(), key=lambda rate: abs(rate - Fraction(frame_rate)))


def drops(rate: Fraction) -> bool:
    """Whether drop-frame counting exists at this rate."""
    return rate in (30 * NTSC, 60 * NTSC, 120 * NTSC)


@dataclass(frozen=True, slots=True)
class Timecode:
    """`first` is the number of the frame at zero. With `drop_frame` labels keep to the clock: two of each minute (four at 59.94) are not
    given to any frame, but for every tenth minute.
    """

    rate: Fraction
    drop_frame: bool
    first: int

    @classmethod
    def starting(cls, label: str, rate: Fraction) -> "Timecode":
        """Counting from a label on: with `;` before its frames it drops, with `:` not. Raises ValueError for what labels no frame."""
        found = _LABEL.fullmatch(label)
        if found is None:
            raise ValueError("must be a timecode: 01:00:00:00, or 01:00:00;00 to count drop-frame")
        drop_frame = found[4] == ";"
        hours, minutes, seconds, frames = (int(found[place]) for place in (1, 2, 3, 5))
        if drop_frame and not drops(rate):
            raise ValueError("counts drop-frame (`;`), which exists at 29.97, 59.94 and 119.88 frames a second only")
        made = cls(rate, drop_frame, 0)
        minute = hours * 60 + minutes
        number = (minute * 60 + seconds) * made._nominal + frames - made._dropped * (minute - minute // 10)
        if made.label(number) != f"{hours:02}:{minutes:02}:{seconds:02}{found[4]}{frames:02}":
            raise ValueError("is not the label of a frame at this rate")
        return cls(rate, drop_frame, number)

    def frame(self, time_ms: int) -> int:
        """The frame that begins nearest to a time, the first one being 0. (A frame's time in milliseconds is rounded, up or down.)"""
        return int(time_ms * self.rate / 1000 + Fraction(1, 2))

    def label(self, frame: int) -> str:
        """Of a frame after the first; goes on at 00:00:00:00 after a day."""
        number = self.first + frame
        if self.drop_frame:
            minute = 60 * self._nominal - self._dropped
            tens, rest = divmod(number, 10 * minute + self._dropped)
            number += self._dropped * (9 * tens + max(rest - self._dropped, 0) // minute)
        seconds, frames = divmod(number, self._nominal)
        point = ";" if self.drop_frame else ":"
        return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{frames:02}"

    def rational(self, frames: int) -> str:
        """So many frames as FCPXML writes a time: `1001/30000s`."""
        over = frames * self.rate.denominator
        return f"{over // self.rate.numerator}s" if over % self.rate.numerator == 0 else f"{over}/{self.rate.numerator}s"

    @property
    def _nominal(self) -> int:
        return round(self.rate)

    @property
    def _dropped(self) -> int:
        """Labels left out of a minute."""
        return self._nominal // 15 if self.drop_frame else 0
