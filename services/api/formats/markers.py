"""Markers for editors: an EDL as DaVinci Resolve takes them, and FCPXML for Final Cut Pro and others."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import quoteattr
from zlib import crc32

from db.resources.events import EventOut
from services.api.formats.text import certainty, one_line
from services.api.formats.timecode import Timecode

COLOURS = (
    *("Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia"),
    *("Rose", "Lavender", "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream"),
)
"""Of Resolve's markers; each type has its own, as far as they go."""

TITLE_CHARS = 70

# How statements of an EDL begin: `002  AX ...`, `* FROM CLIP NAME`, `>>> SOURCE`, `FCM:`, `M2`.
_STATEMENT = re.compile(r"\d|[*>]|[A-Z][A-Z0-9]")

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Clip:
    """The video that the markers are for."""

    name: str
    filename: str
    duration_ms: int
    width: int
    height: int


def edl(events: Iterable[EventOut], timecode: Timecode, clip: Clip) -> Iterator[str]:
    """CMX 3600, with the lines that Resolve keeps markers in: note, colour (by type), name, and duration in frames. In Resolve: Timelines >
    Import > Timeline Markers from EDL. Beyond 999 events the numbers have four digits, as Resolve's own.
    """
    length = _length(clip, timecode)
    counted = "DROP FRAME" if timecode.drop_frame else "NON-DROP FRAME"
    yield f"TITLE: {_piped(clip.name)[:TITLE_CHARS]}\r\nFCM: {counted}\r\n\r\n"
    for number, event in enumerate(events, start=1):
        first, frames = _frames(event, timecode, length)
        start, end = timecode.label(first), timecode.label(first + 1)
        note = _remark(f"{event.description or event.title} [{certainty(event)}]")
        colour = COLOURS[crc32(event.type.encode()) % len(COLOURS)]
        yield f"{number:03}  001      V     C        {start} {end} {start} {end}  \r\n"
        yield f"{note} |C:ResolveColor{colour} |M:{_piped(_name(event))} |D:{frames}\r\n\r\n"


def fcpxml(events: Iterable[EventOut], timecode: Timecode, clip: Clip) -> Iterator[str]:
    """FCPXML 1.10: a project of one clip, the video, with a marker for each event. The editor asks for the file where it does not find it.

    Times are whole frames as rational seconds. `timecode` starts as the file's own does.
    """
    length = _length(clip, timecode)
    start, duration, name = timecode.rational(timecode.first), timecode.rational(length), _quoted(clip.name)
    counted = "DF" if timecode.drop_frame else "NDF"
    source = quoteattr(f"file:///{quote(clip.filename)}")
    yield f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10">
  <resources>
    <format id="r1" frameDuration="{timecode.rational(1)}" width="{clip.width}" height="{clip.height}"/>
    <asset id="r2" name={name} start="{start}" duration="{duration}" hasVideo="1" format="r1">
      <media-rep kind="original-media" src={source}/>
    </asset>
  </resources>
  <library>
    <event name="Playhead">
      <project name={name}>
        <sequence format="r1" duration="{duration}" tcStart="{start}" tcFormat="{counted}">
          <spine>
            <asset-clip ref="r2" name={name} offset="{start}" start="{start}" duration="{duration}" tcFormat="{counted}">
"""
    for event in events:
        first, frames = _frames(event, timecode, length)
        where = f'start="{timecode.rational(timecode.first + first)}" duration="{timecode.rational(frames)}"'
        note = _quoted(" ".join(part for part in (event.description, f"[{certainty(event)}]") if part))
        yield f"              <marker {where} value={_quoted(_name(event))} note={note}/>\n"
    yield """            </asset-clip>
          </spine>
        </sequence>
      </project>
    </event>
  </library>
</fcpxml>
"""


def _length(clip: Clip, timecode: Timecode) -> int:
    return max(timecode.frame(clip.duration_ms), 1)


def _frames(event: EventOut, timecode: Timecode, length: int) -> tuple[int, int]:
    """The first frame, and how many; an instant has one. All are the clip's: a marker after its last frame would be on no frame at all."""
    first = min(timecode.frame(event.start_ms), length - 1)
    return first, max(min(timecode.frame(event.end_ms), length) - first, 1)


def _name(event: EventOut) -> str:
    """What editors list a marker by; a title may be of characters that none of them shows."""
    return _NOT_XML.sub("", one_line(event.title)) or event.type


def _piped(text: str) -> str:
    """Text between `|`s."""
    return one_line(text).replace("|", "/")


def _remark(text: str) -> str:
    """A line of its own in an EDL. One that begins like a statement would be read as one: `2 cars pass` as the next event, for which
    OpenTimelineIO refuses the list.
    """
    line = _piped(text)
    return f"- {line}" if _STATEMENT.match(line) else line


def _quoted(text: str) -> str:
    """An attribute's value with its quotes, without what XML 1.0 can't hold."""
    return quoteattr(_NOT_XML.sub("", one_line(text)))
