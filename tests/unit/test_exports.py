"""What is exported is read back by somebody else's parser, whatever words a model or a caller chose."""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import webvtt

from db.resources.events import EventOut
from services.api.exports import content_disposition
from services.api.formats import chapters, markers, subtitles, tables
from services.api.formats.timecode import RATES, Timecode

HOSTILE = (
    '=HYPERLINK("http://x")',
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\uff1d1",
    "a --> b",
    "00:00:01.000 --> 00:00:02.000",
    "two\nlines\n\n2\n00:00:01,000 --> 00:00:02,000\nforged",
    "NOTE not a note",
    "WEBVTT",
    "STYLE",
    "<b>bold</b> & <script>alert(1)</script>",
    "&lt;already&gt;",
    "]]><!-- -- -->",
    "null\x01\x0b\x1f\x7f\x85 bell\x07",
    "\ufffe\uffff",
    "pipe | |M:forged |D:9",
    "Straße 路 🚗 \u202e",
    "",
    " ",
    "x" * 5000,
)


def event(start_ms: int = 1000, end_ms: int = 2500, **values: Any) -> EventOut:
    made = {
        "id": UUID(int=start_ms),
        "video_id": UUID(int=1),
        "job_id": UUID(int=2),
        "type": "car",
        "title": "A car",
        "description": "A red car passes",
        "start_ms": start_ms,
        "end_ms": end_ms,
        "start_uncertainty_ms": 500,
        "end_uncertainty_ms": 250,
        "confidence": 2 / 3,
        "confidence_source": "votes",
        "verification": {"status": "confirmed", "reason": None},
        "evidence": {"pts_ms": start_ms, "frame_url": "/v1/events/x/frame.jpg"},
        "attributes": {"colour": "red"},
        "source": {"analyzer": "model", "model": "m", "prompt_version": "7", "window_ids": []},
        "provisional": False,
        "recorded_start": None,
        "recorded_end": None,
    }
    return EventOut.model_validate(made | values)


HOSTILE_EVENTS = [event(1000 * number, 1000 * number + 500, title=text, description=text, type=text) for number, text in enumerate(HOSTILE)]


def words(text: str) -> str:
    """Without what no line can hold."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "", " ".join(text.split()))


def vtt_cues(text: Iterable[str]) -> list[webvtt.Caption]:
    return list(webvtt.from_string("".join(text)))


def test_vtt_has_a_cue_for_each_event_with_its_id_and_its_certainty_in_a_note() -> None:
    text = "".join(subtitles.vtt([event(), event(3_723_004, 3_723_005)], shortest_ms=0))
    first, second = vtt_cues([text])
    assert (first.identifier, first.start, first.end, first.lines) == (
        str(UUID(int=1000)),
        "00:00:01.000",
        "00:00:02.500",
        ["A car", "A red car passes"],
    )
    assert (second.start, second.end) == ("01:02:03.004", "01:02:03.005")
    assert second.comments == ["car: start ±0.5 s, end ±0.25 s, confidence 0.67 (votes), confirmed"]


def test_hostile_words_change_no_cue_of_vtt() -> None:
    text = "".join(subtitles.vtt(HOSTILE_EVENTS, shortest_ms=0))
    cues = vtt_cues([text])
    assert [(cue.start_in_seconds, cue.end_in_seconds) for cue in cues] == [(number, number) for number in range(len(HOSTILE))]
    assert text.count("-->") == len(HOSTILE)
    assert "<" not in text
    for cue, hostile in zip(cues, HOSTILE, strict=True):
        plain = [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in cue.lines]
        assert plain == ([words(hostile)] if words(hostile) else ["-"])


def test_hostile_words_change_no_cue_of_srt() -> None:
    text = "".join(subtitles.srt(HOSTILE_EVENTS, shortest_ms=0))
    cues = list(webvtt.from_buffer(io.StringIO(text), format="srt"))
    assert len(cues) == text.count("-->") == len(HOSTILE)
    assert text.startswith("1\n00:00:00,000 --> 00:00:00,500\n")
    assert not re.search("<|(?<!--)>", text)
    assert cues[7].text == "a --\u203a b"


def test_an_instant_is_shown_for_as_long_as_asked() -> None:
    [cue] = vtt_cues(subtitles.vtt([event(1000, 1001)], shortest_ms=1500))
    assert (cue.start, cue.end) == ("00:00:01.000", "00:00:02.500")


def parsed(text: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(text), newline=""), strict=True))


def test_csv_has_all_there_is_in_columns() -> None:
    [row] = parsed(tables.rows([event()]))
    assert {name: row[name] for name in ("start", "end", "start_ms", "start_uncertainty_ms", "end_uncertainty_ms")} == {
        "start": "00:00:01.000",
        "end": "00:00:02.500",
        "start_ms": "1000",
        "start_uncertainty_ms": "500",
        "end_uncertainty_ms": "250",
    }
    assert (row["verification"], json.loads(row["attributes"]), row["provisional"]) == ("confirmed", {"colour": "red"}, "false")


def test_no_cell_of_csv_is_a_formula_and_none_is_lost() -> None:
    rows = parsed(tables.rows(HOSTILE_EVENTS))
    assert [row["title"].removeprefix("'") for row in rows] == list(HOSTILE)
    assert [row["title"][:1] for row in rows][:7] == ["'"] * 7
    assert not [cell for row in rows for cell in row.values() if cell.strip().startswith(tables.FORMULA)]


def test_json_lines_are_the_events() -> None:
    lines = "".join(tables.lines(HOSTILE_EVENTS)).split("\n")
    assert [EventOut.model_validate_json(line) for line in lines if line] == HOSTILE_EVENTS


def told(events: Iterable[EventOut], duration_ms: int = 60_000, shortest_ms: int = 1000) -> list[tuple[int, int, str]]:
    found = chapters.chapters(events, duration_ms=duration_ms, opening="A street", shortest_ms=shortest_ms)
    return [(chapter.start_ms, chapter.end_ms, chapter.title) for chapter in found]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(0, 60_000, "A street")]),
        ([("a", 0, 60_000)], [(0, 60_000, "a")]),
        ([("a", 10_000, 20_000), ("b", 40_000, 41_000)], [(0, 10_000, "A street"), (10_000, 40_000, "a"), (40_000, 60_000, "b")]),
        ([("a", 0, 50_000), ("b", 10_000, 20_000)], [(0, 10_000, "a"), (10_000, 60_000, "b")]),
        ([("a", 5000, 9000), ("b", 5400, 9000)], [(0, 5000, "A street"), (5000, 60_000, "a; b")]),
        ([(name, 5000, 6000) for name in "abcdee"], [(0, 5000, "A street"), (5000, 60_000, "a; b; c and 3 more")]),
        ([("a", 500, 600)], [(0, 60_000, "a")]),
        ([("a", 59_500, 60_000)], [(0, 60_000, "a")]),
        ([("a", 61_000, 62_000)], [(0, 60_000, "a")]),
    ],
)
def test_chapters_follow_each_other_and_cover_the_video(spans: list[tuple[str, int, int]], expected: list[tuple[int, int, str]]) -> None:
    assert told(event(start, end, title=name) for name, start, end in spans) == expected


def test_hostile_words_change_no_chapter() -> None:
    found = chapters.chapters(HOSTILE_EVENTS, duration_ms=60_000, opening="", shortest_ms=0)
    cues = vtt_cues(chapters.vtt(found))
    assert [cue.start_in_seconds for cue in cues] == list(range(len(HOSTILE)))


EDL_EVENT = re.compile(
    r"(?P<number>\d{3,})  001      V     C        (?P<start>\S+) (?P<end>\S+) (?P=start) (?P=end)  \r\n"
    r"(?P<note>[^|\r\n]*) \|C:ResolveColor(?P<colour>[A-Z][a-z]+) \|M:(?P<name>[^|\r\n]*) \|D:(?P<frames>\d+)\r\n\r\n"
)


def edl(events: Iterable[EventOut], start: str, rate: str) -> tuple[str, list[re.Match[str]]]:
    """The head, and each event; nothing else is in it."""
    clip = markers.Clip("street\n2", "street.mp4", 3_600_000, 1920, 1080)
    text = "".join(markers.edl(events, Timecode.starting(start, RATES[rate]), clip))
    head, rest = text[: text.index("\r\n\r\n") + 4], text[text.index("\r\n\r\n") + 4 :]
    found = list(EDL_EVENT.finditer(rest))
    assert "".join(match[0] for match in found) == rest
    return head, found


def test_edl_counts_drop_frame_where_it_says_so() -> None:
    head, [first, second] = edl([event(60_060, 60_060 + 1001), event(600_000, 600_001)], "01:00:00;00", "29.97")
    assert head == "TITLE: street 2\r\nFCM: DROP FRAME\r\n\r\n"
    assert (first["start"], first["end"], first["frames"]) == ("01:01:00;02", "01:01:00;03", "30")
    assert (second["start"], second["frames"]) == ("01:10:00;00", "1")
    assert first["note"] == "A red car passes [start ±0.5 s, end ±0.25 s, confidence 0.67 (votes), confirmed]"


def test_edl_without_drop_frame_and_with_words_of_any_kind() -> None:
    head, found = edl(HOSTILE_EVENTS, "00:00:00:00", "25")
    assert head.endswith("FCM: NON-DROP FRAME\r\n\r\n")
    assert [match["start"] for match in found] == [f"00:00:{number:02}:00" for number in range(len(HOSTILE))]
    assert {match["colour"] for match in found} <= set(markers.COLOURS)
    assert len(edl([event(number, number + 1) for number in range(1200)], "00:00:00:00", "25")[1]) == 1200


def seconds(time: str) -> float:
    top, _, bottom = time.removesuffix("s").partition("/")
    return int(top) / int(bottom or 1)


@pytest.mark.parametrize(("rate", "start", "tick"), [("29.97", "00:00:00;00", "1001/30000s"), ("25", "10:00:00:00", "1/25s")])
def test_fcpxml_has_a_marker_for_each_event_on_frames_of_its_clip(rate: str, start: str, tick: str) -> None:
    timecode = Timecode.starting(start, RATES[rate])
    clip = markers.Clip("a & <b>", "a & <b>.mp4", 60_000, 1920, 1080)
    events = [*HOSTILE_EVENTS, event(59_990, 70_000), event(80_000, 90_000)]
    root = ET.fromstring("".join(markers.fcpxml(events, timecode, clip)))
    assert [element.tag for element in root.iter()][:11] == [
        *("fcpxml", "resources", "format", "asset", "media-rep"),
        *("library", "event", "project", "sequence", "spine", "asset-clip"),
    ]
    form, asset, media, sequence, shown = (next(root.iter(tag)) for tag in ("format", "asset", "media-rep", "sequence", "asset-clip"))
    assert (root.get("version"), form.get("frameDuration"), media.get("src")) == ("1.10", tick, "file:///a%20%26%20%3Cb%3E.mp4")
    assert (asset.get("id"), asset.get("format"), sequence.get("format")) == (shown.get("ref"), form.get("id"), form.get("id"))
    assert asset.get("start") == shown.get("start") == shown.get("offset") == sequence.get("tcStart") == timecode.rational(timecode.first)
    begins, length = seconds(str(shown.get("start"))), seconds(str(shown.get("duration")))
    assert length == pytest.approx(60, abs=seconds(tick))
    found = shown.findall("marker")
    assert len(found) == len(events) == len(list(shown))
    for marker, one in zip(found, events, strict=True):
        at, lasts = (seconds(str(marker.get(name))) for name in ("start", "duration"))
        assert at - begins == pytest.approx(min(one.start_ms / 1000, length), abs=1.01 * seconds(tick))
        assert at + lasts <= begins + length + 1e-6
        assert (at / seconds(tick)) % 1 == pytest.approx(0, abs=1e-4) or (at / seconds(tick)) % 1 == pytest.approx(1, abs=1e-4)
        assert "[start ±0.5 s" in str(marker.get("note"))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("street.events.vtt", 'attachment; filename="street.events.vtt"'),
        ('../a"b;\r\nX: y\\z.vtt', 'attachment; filename="_a_b_X_ y_z.vtt"'),
        ("Straße.vtt", "attachment; filename=\"Stra_e.vtt\"; filename*=UTF-8''Stra%C3%9Fe.vtt"),
        ("...", 'attachment; filename="events"'),
    ],
)
def test_the_name_of_the_file_is_safe(name: str, header: str) -> None:
    assert content_disposition("attachment", name) == header
