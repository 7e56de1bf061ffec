"""`/v1/videos/{id}/events.vtt` and its like: all events of a video that are chosen, in somebody else's format, streamed."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from core.errors import Unprocessable
from db import events, videos
from db.filters import Filter
from db.models import Video
from db.resources.events import EventOut
from services.api.context import Parts, Reader, WithParts
from services.api.door import Caller
from services.api.events import Chosen
from services.api.formats import chapters, markers, subtitles, tables
from services.api.formats.text import file_name, one_line
from services.api.formats.timecode import RATES, Timecode, drops, rate_of
from services.api.known import KnownRoute
from services.api.streaming import joined, started

router = APIRouter(prefix="/v1/videos/{video_id}", tags=["exports"], route_class=KnownRoute)

PAGE = 500
NAME_CHARS = 100

Shortest = Annotated[int, Field(ge=0, le=3_600_000)]


class Cues(Chosen):
    """Which events, as cues."""

    shortest_ms: Shortest = Field(
        0, description="Shows each cue for at least so long: an instant, like a cut, lasts 1 ms and would not be seen.", examples=[1500]
    )


class Headings(Chosen):
    """Which events, as chapters."""

    shortest_ms: Shortest = Field(
        1000, description="Length of the shortest chapter: an event that begins sooner is named in the one before.", examples=[10_000]
    )


class Marked(Chosen):
    """Which events, and how their frames are counted."""

    frame_rate: Literal[*RATES] | None = Field(  # type: ignore[valid-type]
        None,
        description="Frames a second of the timeline. Default: the video's, or the nearest that editors have; of a video whose rate varies "
        "the nearest to its average, as editors do.",
        examples=["29.97"],
    )
    start_timecode: str | None = Field(
        None,
        max_length=12,
        description="Timecode of the video's first frame; with `;` before its frames it counts drop-frame. Default of an EDL: 01:00:00:00, "
        "where Resolve's timelines begin; for FCPXML: 00:00:00:00, as in a file without a timecode; drop-frame at 29.97, 59.94 and 119.88.",
        examples=["01:00:00:00"],
    )


def _answer(media_type: str, description: str, example: str) -> dict[str, Any]:
    """A route that answers with text, for OpenAPI."""
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {"response_class": StreamingResponse, "responses": {200: {"description": description, "content": content}}}


EVENT_ID = "0198c0de-2000-7000-8000-000000000000"
CUE = "00:00:12.500 --> 00:00:15.500"


@router.get(
    "/events.vtt",
    **_answer(
        "text/vtt",
        "WebVTT: a cue for each event.",
        f"WEBVTT\n\nNOTE crossing: start ±0.5 s, end ±0.5 s, unverified\n\n{EVENT_ID}\n{CUE}\nA red car passes\n",
    ),
)
def export_vtt(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Cues, Query()]) -> StreamingResponse:
    """All events as WebVTT cues, for a `<track>`. What each is sure of is in a note before it."""
    video = _video(parts, caller, video_id)
    found = subtitles.vtt(_all(parts, asked.of(caller, video_id)), shortest_ms=asked.shortest_ms)
    return sent(found, f"{name_of(video)}.events.vtt", "text/vtt", disposition="inline")


@router.get(
    "/events.srt",
    **_answer("application/x-subrip", "SubRip: a cue for each event.", "1\n00:00:12,500 --> 00:00:15,500\nA red car passes\n\n"),
)
def export_srt(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Cues, Query()]) -> StreamingResponse:
    """All events as SubRip cues. The format has no room for how sure they are, and no escapes: `<` and `>` become angle quotes."""
    video = _video(parts, caller, video_id)
    found = subtitles.srt(_all(parts, asked.of(caller, video_id)), shortest_ms=asked.shortest_ms)
    return sent(found, f"{name_of(video)}.events.srt", "application/x-subrip")


@router.get(
    "/events.csv",
    **_answer("text/csv", "CSV with a header.", "id,type,title\r\n" + f"{EVENT_ID},crossing,A red car passes\r\n"),
)
def export_csv(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Chosen, Query()]) -> StreamingResponse:
    """All events as a table (RFC 4180, UTF-8). A text that a spreadsheet would take for a formula has `'` before it."""
    video = _video(parts, caller, video_id)
    return sent(tables.rows(_all(parts, asked.of(caller, video_id))), f"{name_of(video)}.events.csv", "text/csv; header=present")


@router.get(
    "/events.jsonl",
    **_answer("application/jsonl", "JSON Lines: an `EventOut` each.", f'{{"id": "{EVENT_ID}", "object": "event", "type": "crossing"}}\n'),
)
def export_jsonl(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Chosen, Query()]) -> StreamingResponse:
    """All events, one a line, each as `GET /v1/events/{id}` gives it."""
    video = _video(parts, caller, video_id)
    return sent(tables.lines(_all(parts, asked.of(caller, video_id))), f"{name_of(video)}.events.jsonl", "application/jsonl")


@router.get(
    "/chapters.vtt",
    **_answer("text/vtt", "WebVTT: chapters.", "WEBVTT\n\n1\n00:00:00.000 --> 00:01:00.000\nA red car passes\n"),
)
def export_chapters(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Headings, Query()]) -> StreamingResponse:
    """Chapters for a player: in order, without overlaps or holes, from 0 to the end. One begins where an event does and lasts until the
    next begins; events that begin together share one, and its title. What is before the first event has the video's title.
    """
    video = _probed(parts, caller, video_id)
    found = chapters.chapters(
        _all(parts, asked.of(caller, video_id)),
        duration_ms=video.duration_ms or 0,
        opening=one_line(video.title or "") or "Beginning",
        shortest_ms=asked.shortest_ms,
    )
    return sent(chapters.vtt(found), f"{name_of(video)}.chapters.vtt", "text/vtt", disposition="inline")


@router.get(
    "/events.edl",
    **_answer(
        "text/plain",
        "An EDL: a marker for each event.",
        "TITLE: street\r\nFCM: NON-DROP FRAME\r\n\r\n"
        "001  001      V     C        01:00:12:12 01:00:12:13 01:00:12:12 01:00:12:13  \r\n"
        "A red car passes [start ±0.5 s, end ±0.5 s, unverified] |C:ResolveColorBlue |M:A red car passes |D:75\r\n\r\n",
    ),
)
def export_edl(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Marked, Query()]) -> StreamingResponse:
    """All events as timeline markers in a CMX 3600 EDL, as DaVinci Resolve takes them; a marker's note says how sure it is."""
    video = _probed(parts, caller, video_id)
    found = markers.edl(_all(parts, asked.of(caller, video_id)), _timecode(video, asked, hours=1), _clip(video))
    return sent(found, f"{name_of(video)}.events.edl", "text/plain")


@router.get(
    "/events.fcpxml",
    **_answer(
        "application/xml",
        "FCPXML 1.10: the video as a clip, with a marker for each event.",
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n<fcpxml version="1.10"/>\n',
    ),
)
def export_fcpxml(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Marked, Query()]) -> StreamingResponse:
    """All events as markers on a clip, for Final Cut Pro and DaVinci Resolve; a marker's note says how sure it is. The editor asks where
    the video's file lies.
    """
    video = _probed(parts, caller, video_id)
    found = markers.fcpxml(_all(parts, asked.of(caller, video_id)), _timecode(video, asked, hours=0), _clip(video))
    return sent(found, f"{name_of(video)}.events.fcpxml", "application/xml")


def _video(parts: Parts, caller: Caller, video_id: UUID) -> Video:
    with parts.sessions.begin() as session:
        return videos.get(session, caller.workspace_id, video_id)


def _probed(parts: Parts, caller: Caller, video_id: UUID) -> Video:
    with parts.sessions.begin() as session:
        return videos.probed(session, caller.workspace_id, video_id)


def _clip(video: Video) -> markers.Clip:
    filename = file_name(PurePosixPath(video.filename or "").name) or "video.mp4"
    return markers.Clip(name_of(video), filename, video.duration_ms or 0, video.width or 0, video.height or 0)


def _timecode(video: Video, asked: Marked, *, hours: int) -> Timecode:
    rate = RATES[asked.frame_rate] if asked.frame_rate else rate_of(video.frame_rate or 25, variable=bool(video.variable_frame_rate))
    label = asked.start_timecode or f"{hours:02}:00:00{';' if drops(rate) else ':'}00"
    try:
        return Timecode.starting(label, rate)
    except ValueError as error:
        raise Unprocessable(f"{label} {error}.", field="start_timecode") from error


def _all(parts: Parts, chosen: Filter) -> Iterator[EventOut]:
    """By start, a page a transaction: as long as it takes, nothing is held. Events that come or go meanwhile may be among them, or not."""
    cursor = None
    while True:
        with parts.sessions.begin() as session:
            page = events.page(session.connection(), chosen, sort="start_ms", limit=PAGE, cursor=cursor)
        yield from (EventOut.of(event) for event in page.rows)
        if (cursor := page.next_cursor) is None:
            return


def sent(text: Iterable[str], filename: str, media_type: str, *, disposition: str = "attachment") -> StreamingResponse:
    """An answer with text, in UTF-8."""
    headers = {"Content-Disposition": content_disposition(disposition, filename)}
    kind = media_type if media_type.startswith("application/") else f"{media_type}; charset=utf-8"
    return StreamingResponse(started(joined(text)), headers=headers, media_type=kind)


def name_of(video: Video) -> str:
    """What to call the video in a file's name or an editor."""
    return (PurePosixPath(video.filename or "").stem or video.title or "video")[:NAME_CHARS]


def content_disposition(kind: str, filename: str) -> str:
    """With the name for everybody in ASCII, and for those who know RFC 6266 as it is."""
    safe = file_name(filename) or "events"
    plain = re.sub(r"[^\x20-\x7e]+", "_", safe)
    return f'{kind}; filename="{plain}"' + ("" if plain == safe else f"; filename*=UTF-8''{quote(safe, safe='')}")
