"""Words of a model or a caller, made fit to stand in a line of somebody else's format."""

import re

from db.resources.events import EventOut

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_FOR_FILES = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*%;\'`$&]+')


def one_line(text: str) -> str:
    """The same words in one line, without control characters."""
    return _CONTROL.sub("", " ".join(text.split()))


def file_name(text: str) -> str:
    """The same as a file's name, none of whose characters means anything to a shell or a file system; it may be empty."""
    return _NOT_FOR_FILES.sub("_", text).lstrip(". ")


def clock(time_ms: int, *, point: str = ".") -> str:
    """`00:01:02.500`."""
    seconds, ms = divmod(time_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{ms:03}"


def certainty(event: EventOut) -> str:
    """What an event says of itself, for a note: `start ±0.5 s, end ±0.5 s, confidence 0.9 (votes), confirmed`."""
    start, end = (f"±{ms / 1000:g} s" for ms in (event.start_uncertainty_ms, event.end_uncertainty_ms))
    sure = "" if event.confidence is None else f", confidence {event.confidence:.2g}"
    measured = f" ({event.confidence_source})" if sure and event.confidence_source else ""
    return f"start {start}, end {end}{sure}{measured}, {event.verification.status}"
