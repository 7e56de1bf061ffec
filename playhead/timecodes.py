"""Media times as people write them, in and out; inside, always whole milliseconds from the first frame."""

import re
from decimal import ROUND_HALF_UP, Decimal

from playhead.errors import TimecodeError

_FRACTION = r"(?:[.,][0-9]{1,9})?"
_COLONS = re.compile(rf"(?:(?P<hours>[0-9]{{1,6}}):)?(?P<minutes>[0-9]{{1,6}}):(?P<seconds>[0-9]{{2}}{_FRACTION})")
_NUMBER = re.compile(rf"(?P<number>[0-9]{{1,12}}{_FRACTION})\s*(?P<unit>ms|s|)")


def parse_timecode(text: str) -> int:
    """`1:03.2`, `01:02:03.250`, `63.2`, `63.2s` or `500ms` as milliseconds, rounded half up.

    A bare number is seconds. A decimal comma is understood, as in subtitles. The leading part may be as large as it likes (`90:00`),
    those after it stay below 60. Raises TimecodeError.
    """
    trimmed = text.strip().lower()
    if match := _NUMBER.fullmatch(trimmed):
        return _whole(_decimal(match["number"]) * (1 if match["unit"] == "ms" else 1000))
    if match := _COLONS.fullmatch(trimmed):
        hours, minutes, seconds = int(match["hours"] or 0), int(match["minutes"]), _decimal(match["seconds"])
        if seconds >= 60 or (match["hours"] is not None and minutes >= 60):
            raise TimecodeError(f"{text!r} is not a time: the parts after the first colon must stay below 60.")
        return _whole(((hours * 60 + minutes) * 60 + seconds) * 1000)
    raise TimecodeError(f"{text!r} is not a time. Write it as 1:03.2, 01:02:03.250, 63.2, 63.2s or 500ms.")


def format_timecode(ms: int) -> str:
    """`H:MM:SS.mmm`; without the hours where they are zero: `1:03.200`, `1:02:03.250`."""
    seconds, millis = divmod(abs(ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{'-' if ms < 0 else ''}{clock}.{millis:03}"


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _whole(ms: Decimal) -> int:
    return int(ms.to_integral_value(ROUND_HALF_UP))
