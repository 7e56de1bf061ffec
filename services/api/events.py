"""`/v1/events` and `/v1/videos/{id}/events`: what happened, when, and the frame that shows it."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import to_json

from core.errors import Gone
from core.frames import pick
from db import events, videos, windows
from db.filters import Filter, Match, Sort
from db.resources.events import EventOut, VerificationStatus, shown
from services.api.context import Reader, WithParts, parts_of
from services.api.document import BINARY
from services.api.door import Caller
from services.api.known import KnownRoute
from services.api.listing import Listing
from services.api.parameters import Parameters
from services.api.times import WallClock

router = APIRouter(prefix="/v1", tags=["events"], route_class=KnownRoute)


Milliseconds = Annotated[int, Field(ge=0, le=2**53)]
Word = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class Chosen(BaseModel):
    """The filters that whatever gives many events knows; all that are given must hold."""

    at_ms: Milliseconds | None = Field(None, description="Events going on at this media time, in milliseconds.")
    from_ms: Milliseconds | None = Field(None, description="Start of a range of media time.")
    to_ms: Milliseconds | None = Field(None, description="End of that range, which is not part of it.")
    match: Match = Field("overlaps", description="`overlaps` the range, lies `within` it, or `starts` in it.")
    recorded_from: WallClock | None = Field(None, description="Start of a range of wall-clock time, ISO 8601 with its offset.")
    recorded_to: WallClock | None = Field(None, description="End of that range.")
    type: list[Word] = Field([], description="Only these types; may be given more than once.")
    q: Word | None = Field(None, description='Words in type, title or description; `"a phrase"`, `or`, `-not`.')
    min_confidence: float | None = Field(None, ge=0, le=1)
    verification: list[VerificationStatus] = Field(
        [], description="Only events of this status; may be given more than once. Default: all but those that a second look `rejected`."
    )
    job_id: UUID | None = Field(None, description="Only events that this job found.")

    @field_validator("from_ms", "to_ms")
    @classmethod
    def _no_moment(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("at_ms") is not None:
            raise ValueError("give at_ms, or from_ms and to_ms, not both")
        return value

    @field_validator("to_ms")
    @classmethod
    def _after_from(cls, value: int | None, info: ValidationInfo) -> int | None:
        start = info.data.get("from_ms")
        if value is not None and start is not None and value <= start:
            raise ValueError("must be greater than from_ms")
        return value

    @field_validator("recorded_to")
    @classmethod
    def _after_recorded_from(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("recorded_from")
        if value is not None and start is not None and value <= start:
            raise ValueError("must be later than recorded_from")
        return value

    def of(self, caller: Caller, video_id: UUID | None) -> Filter:
        """The same as a query, among the caller's events."""
        same = ("job_id", "at_ms", "from_ms", "to_ms", "match", "recorded_from", "recorded_to", "min_confidence")
        return Filter(
            workspace_id=caller.workspace_id,
            video_id=video_id,
            types=tuple(self.type),
            verification=tuple(self.verification),
            text=self.q,
            **{name: getattr(self, name) for name in same},
        )


class Wanted(Chosen):
    """A page of those that are chosen."""

    sort: Sort = Field("start_ms", description="By start, by start backwards, or by confidence.")
    limit: int = Field(100, ge=1, le=1000, description="How many to return at the most.")
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


wanted = Parameters(Wanted)

Asked = Annotated[Wanted, Depends(wanted)]


def _page(request: Request, caller: Caller, asked: Wanted, *, video_id: UUID | None) -> Response:
    """Written out here, as the rows are: FastAPI would look at each event once more."""
    sessions = parts_of(request).sessions
    with sessions.look() as connection:
        page = events.page(connection, asked.of(caller, video_id), sort=asked.sort, limit=asked.limit, cursor=asked.cursor)
    if video_id is not None and not page.rows:
        with sessions.begin() as session:
            videos.get(session, caller.workspace_id, video_id)
    listing = {"object": "list", "data": [shown(event) for event in page.rows], "next_cursor": page.next_cursor}
    return Response(to_json(listing), media_type="application/json")


@router.get("/videos/{video_id}/events", response_model=Listing[EventOut], openapi_extra=wanted.told)
def list_events_of_video(request: Request, caller: Reader, video_id: UUID, asked: Asked) -> Response:
    """Events of one video, also while its job is running. An instant, like a cut, lasts 1 ms."""
    return _page(request, caller, asked, video_id=video_id)


@router.get("/events", response_model=Listing[EventOut], openapi_extra=wanted.told)
def list_events(request: Request, caller: Reader, asked: Asked) -> Response:
    """Events of all videos."""
    return _page(request, caller, asked, video_id=None)


@router.get("/events/{event_id}")
def get_event(parts: WithParts, caller: Reader, event_id: UUID) -> EventOut:
    """One event."""
    with parts.sessions.begin() as session:
        return EventOut.of(events.get(session, caller.workspace_id, event_id))


@router.get(
    "/events/{event_id}/frame.jpg",
    response_class=Response,
    responses={200: {"description": "The frame.", "content": {"image/jpeg": {"schema": BINARY}}}},
)
def get_frame(parts: WithParts, caller: Reader, event_id: UUID) -> Response:
    """The frame that shows the event, as it was shown to the model."""
    with parts.sessions.begin() as session:
        event = events.get(session, caller.workspace_id, event_id)
        window = windows.get(session, event.evidence_window_id)
    if window is None or window.frames_key is None:
        raise Gone("The frames of this video were deleted (PLAYHEAD_FRAMES_KEPT); ask again, and they are sampled anew.")
    jpeg = pick(parts.blobs.open(window.frames_key), event.evidence_pts_ms)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": f"private, max-age={int(timedelta(hours=1).total_seconds())}"})
