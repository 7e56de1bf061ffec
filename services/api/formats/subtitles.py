"""WebVTT and SubRip: an event is a cue, shown from its start to its end."""

from collections.abc import Iterable, Iterator

from db.resources.events import EventOut
from services.api.formats.text import certainty, clock, one_line

_SRT_BRACKETS = str.maketrans("<>", "\u2039\u203a")


def vtt(events: Iterable[EventOut], *, shortest_ms: int) -> Iterator[str]:
    """Each cue has the event's id, and a note before it that no player shows: its type, and how sure its times are."""
    yield "WEBVTT\n"
    for event in events:
        start, end = (clock(time) for time in _shown(event, shortest_ms))
        note, words = escaped(f"{one_line(event.type)}: {certainty(event)}"), "\n".join(escaped(line) for line in _lines(event))
        yield f"\nNOTE {note}\n\n{event.id}\n{start} --> {end}\n{words}\n"


def srt(events: Iterable[EventOut], *, shortest_ms: int) -> Iterator[str]:
    """The format knows neither notes nor escapes: `<` and `>`, which players take for tags and arrows, become angle quotes."""
    for number, event in enumerate(events, start=1):
        start, end = (clock(time, point=",") for time in _shown(event, shortest_ms))
        words = "\n".join(_lines(event)).translate(_SRT_BRACKETS)
        yield f"{number}\n{start} --> {end}\n{words}\n\n"


def escaped(line: str) -> str:
    """A line of WebVTT's text: no tag and no arrow is in it."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shown(event: EventOut, shortest_ms: int) -> tuple[int, int]:
    return event.start_ms, max(event.end_ms, event.start_ms + shortest_ms)


def _lines(event: EventOut) -> list[str]:
    """Title and description, each a line, unless they say the same; an empty one would end the cue."""
    lines = dict.fromkeys(line for line in (one_line(event.title), one_line(event.description)) if line)
    return list(lines) or [one_line(event.type) or "-"]
