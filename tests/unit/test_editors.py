"""Markers, as somebody else reads them: pycmx the EDL, FFmpeg its timecodes, and an XML parser FCPXML; to the frame, at every rate."""

import io
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from xml.etree import ElementTree as ET

import av
import pycmx
import pytest

from db.resources.events import EventOut
from services.api.formats import markers
from services.api.formats.text import certainty
from services.api.formats.timecode import RATES, Timecode, drops
from tests.unit.test_exports import HOSTILE, event, words

CLIP = markers.Clip("street & <2>", "street.mp4", 3_700_017, 1920, 1080)
END = CLIP.duration_ms

SPANS = (
    *((0, 1), (0, END), (1, 2), (21, 33), (1000, 2500), (59_960, 60_000), (60_060, 61_061), (600_000, 600_001), (3_599_999, 3_600_010)),
    *((END - 45, END), (END - 1, END), (END, END + 1), (END + 60_000, END + 90_000)),
)

STATEMENTS = (
    *("2 cars pass", "007", "\u0663 cars", "002  AX       V     C        01:00:00:00 01:00:00:01 01:00:00:00 01:00:00:01"),
    *("TITLE: forged", "FCM: DROP FRAME", "SPLIT: AUDIO DELAY= 00:00:00:10", "AUD 3 4", "EFFECTS NAME IS forged", ">>> SOURCE 1"),
    *("* FROM CLIP NAME: forged", "FROM CLIP NAME: forged", "* LOC: 01:00:00:00 RED forged", "M2 AX 050.0", "ASC_SAT 1", "* FREEZE FRAME"),
)


def starts(rate: Fraction) -> Iterator[str]:
    last = round(rate) - 1
    yield from ("00:00:00:00", "01:00:00:00", "10:00:00:00", f"00:59:59:{last:02}")
    if drops(rate):
        yield from ("00:00:00;00", "01:00:00;00", f"00:00:59;{last:02}", f"00:01:00;{round(rate) // 15:02}", f"00:09:59;{last:02}")


TIMELINES = [pytest.param(rate, start, id=f"{name} from {start}") for name, rate in RATES.items() for start in starts(rate)]
# CMX 3600 has eleven columns for a timecode, two of them for frames.
IN_COLUMNS = [timeline for timeline in TIMELINES if timeline.values[0] <= 100]


@cache
def counted(label: str, rate: Fraction) -> int:
    """The number of the frame that has a label, as FFmpeg counts it: a QuickTime file holds the number of its first frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as made:
        stream = made.add_stream("rawvideo", rate=rate, width=16, height=16, pix_fmt="yuv420p")
        stream.metadata["timecode"] = label
        made.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
    file.seek(0)
    with av.open(file) as made:
        return int.from_bytes(bytes(next(packet for packet in made.demux(data=0) if packet.size)))


def begins_nearest(time_ms: int, rate: Fraction) -> int:
    """The number of a frame, of those of the clip and the one after them."""
    return min(time_ms, END) * rate // 1000 + (min(time_ms, END) * rate % 1000 >= 500)


def frames_of(shown: EventOut, rate: Fraction) -> tuple[int, int]:
    """The first, and how many, of the clip's: at least one."""
    first = min(begins_nearest(shown.start_ms, rate), begins_nearest(END, rate) - 1)
    return first, max(begins_nearest(shown.end_ms, rate) - first, 1)


@pytest.mark.parametrize(("rate", "start"), TIMELINES)
def test_ffmpeg_counts_our_timecodes_as_we_do(rate: Fraction, start: str) -> None:
    timecode = Timecode.starting(start, rate)
    minute = round(60 * rate)
    frames = [0, 1, *(minute * times + near for times in (1, 2, 9, 10, 11, 60, 600) for near in range(-2, 9))]
    assert [counted(timecode.label(frame), rate) for frame in frames] == [timecode.first + frame for frame in frames]


def edits(text: str) -> list[pycmx.Edit]:
    found = list(pycmx.parse_cmx3600(io.StringIO(text, newline=None)).events)
    assert [listed.number for listed in found] == list(range(1, len(found) + 1))
    return [edit for listed in found for edit in listed.edits]


def named(text: str) -> str:
    """A marker's name: without what XML can't hold; that of the event's type if nothing is left."""
    return " ".join(re.sub("[\ufffe\uffff]", "", words(text)).split()) or "car"


def remarks(text: str) -> list[tuple[str, str, int]]:
    """Note, name and number of frames of each marker, from the lines that are no statements of CMX 3600."""
    read = pycmx.parse_cmx3600(io.StringIO(text, newline=None)).unrecognized_statements
    split = [line.content.split("|") for line in read if line.content]
    return [(note.rstrip(), name.removeprefix("M:").rstrip(), int(frames.removeprefix("D:"))) for note, _, name, frames in split]


@pytest.mark.parametrize(("rate", "start"), IN_COLUMNS)
def test_pycmx_finds_each_event_in_an_edl_on_its_frames(rate: Fraction, start: str) -> None:
    events = [event(*span, title=f"event {number}") for number, span in enumerate(SPANS)]
    text = "".join(markers.edl(events, Timecode.starting(start, rate), CLIP))
    zero = counted(start, rate)
    for edit, (_, name, frames), shown in zip(edits(text), remarks(text), events, strict=True):
        first = counted(edit.record_in, rate) - zero
        assert (name, edit.source_in, edit.source_out) == (shown.title, edit.record_in, edit.record_out)
        assert counted(edit.record_out, rate) - zero == first + 1
        assert (first, frames) == frames_of(shown, rate)


@pytest.mark.parametrize(("rate", "start"), TIMELINES)
def test_fcpxml_has_each_event_on_its_frames(rate: Fraction, start: str) -> None:
    events = [event(*span, title=f"event {number}") for number, span in enumerate(SPANS)]
    root = ET.fromstring("".join(markers.fcpxml(events, Timecode.starting(start, rate), CLIP)))
    frame_duration, begins, lasts = (
        Fraction(str(next(root.iter(tag)).get(name)).removesuffix("s"))
        for tag, name in (("format", "frameDuration"), ("asset-clip", "start"), ("asset-clip", "duration"))
    )
    assert (frame_duration, begins, lasts) == (1 / rate, counted(start, rate) / rate, begins_nearest(END, rate) / rate)
    assert next(root.iter("sequence")).get("tcFormat") == ("DF" if ";" in start else "NDF")
    for marker, shown in zip(root.iter("marker"), events, strict=True):
        first, frames = (
            (Fraction(str(marker.get(name)).removesuffix("s")) - zero) * rate for name, zero in (("start", begins), ("duration", 0))
        )
        assert marker.get("value") == shown.title
        assert (first, frames) == frames_of(shown, rate)


@pytest.mark.parametrize("text", [*HOSTILE, *STATEMENTS])
def test_no_words_are_a_statement_of_an_edl(text: str) -> None:
    """Its readers tell statements from remarks by how a line begins; OpenTimelineIO by any digit, whatever follows."""
    events = [event(1000, 1001), event(2000, 2001, title=text, description=text, type="car"), event(3000, 3001)]
    written = "".join(markers.edl(events, Timecode.starting("01:00:00:00", RATES["25"]), CLIP))
    numbered = [line for line in written.splitlines() if line.strip()[:1].isdecimal()]
    assert [line[:3] for line in numbered] == ["001", "002", "003"]
    assert [edit.record_in for edit in edits(written)] == ["01:00:01:00", "01:00:02:00", "01:00:03:00"]
    assert {(edit.clip_name, edit.source_file, edit.asc_sat, edit.source) for edit in edits(written)} == {(None, None, None, "001")}
    assert pycmx.parse_cmx3600(io.StringIO(written)).title == CLIP.name
    _, (note, name, _), _ = remarks(written)
    assert note.removeprefix("- ") == f"{words(text).replace('|', '/')} [{certainty(events[1])}]".lstrip()
    assert name == named(text).replace("|", "/")


@pytest.mark.parametrize("text", [*HOSTILE, *STATEMENTS])
def test_words_are_the_same_in_fcpxml(text: str) -> None:
    written = "".join(markers.fcpxml([event(title=text, description=text)], Timecode.starting("00:00:00:00", RATES["25"]), CLIP))
    [marker] = ET.fromstring(written).iter("marker")
    assert marker.get("value") == named(text)
    assert str(marker.get("note")).endswith(f"[{certainty(event())}]")
