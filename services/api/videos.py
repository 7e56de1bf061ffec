"""`/v1/videos`: take videos in, list them, give them back, delete them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from core.blobs import video_prefix
from core.errors import BlobsUnavailable
from core.request import Text
from db import doomed, videos
from db.models import Job, Video
from db.resources.jobs import JobOut
from db.standings import Arrival, Standing
from services.api import by_url, intake, problems, ranges
from services.api.context import Reader, WithParts, Writer
from services.api.document import BINARY
from services.api.known import KnownRoute
from services.api.listing import Cursor, Limit, Listing
from services.api.once import Streamed
from services.api.streaming import started
from services.api.times import WallClock

router = APIRouter(prefix="/v1/videos", tags=["videos"], route_class=KnownRoute)


class VideoOut(BaseModel):
    """A video. `bytes`, `sha256` and `media_type` are null until its bytes are here, and what its packets say until a worker has looked."""

    id: UUID
    object: Literal["video"] = "video"
    title: str | None
    custom_id: str | None = Field(description="Your own id for it.")
    filename: str | None
    source_url: str | None = Field(description="Where it was fetched, without query and credentials; null where it was uploaded.")
    metadata: dict[str, Any]
    bytes: int | None
    sha256: str | None = Field(description="Of the bytes as they came in, in hex.")
    media_type: str | None
    container: str | None
    codec: str | None
    width: int | None = Field(description="As shown: after rotation, with square pixels.")
    height: int | None
    rotation: int | None = Field(description="Degrees that the container asks to turn the pictures by.")
    duration_ms: int | None = Field(description="By the packets, not by the header.")
    start_ms: int | None = Field(description="The container's time of the first presented frame, which is 0 in every other time here.")
    frame_rate: float | None = Field(description="Frames a second, on average.")
    variable_frame_rate: bool | None
    recorded_at: datetime | None = Field(description="Wall-clock time of the first frame, where you gave one.")
    created_at: datetime

    @classmethod
    def of(cls, video: Video) -> "VideoOut":
        return cls.model_validate(
            {**{name: getattr(video, name) for name in cls.model_fields if name not in {"object", "metadata"}}, "metadata": video.meta}
        )


class Described(BaseModel):
    """What is said of a video in the query, beside its raw bytes."""

    model_config = ConfigDict(populate_by_name=True)

    job_request: str | None = Field(None, alias="request", description="A job request as JSON; see `JobRequest`.")
    title: str | None = Field(None, max_length=500)
    custom_id: str | None = Field(None, max_length=200, description="Your own id for it.")
    recorded_at: WallClock | None = Field(None, description="Wall-clock time of the first frame, ISO 8601 with its offset.")
    metadata: str | None = Field(None, description="Anything of yours, as a JSON object.", examples=['{"camera": 7}'])
    filename: str | None = Field(None, max_length=500)


class Submitted(BaseModel):
    """A video that is stored, and the first job that looks at it."""

    video: VideoOut
    job: JobOut


_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {**BINARY, "description": "The video."},
        "request": {"type": "string", "description": "A job request as JSON; see `JobRequest`."},
        "title": {"type": "string", "maxLength": 500},
        "custom_id": {"type": "string", "maxLength": 200},
        "recorded_at": {"type": "string", "format": "date-time", "description": "Wall-clock time of the first frame, with its offset."},
        "metadata": {"type": "string", "description": "Anything of yours, as a JSON object.", "examples": ['{"camera": 7}']},
    },
}


@router.post(
    "",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _FORM},
                "video/*": {"schema": BINARY},
                "application/octet-stream": {"schema": BINARY},
                by_url.MEDIA_TYPE: {"schema": by_url.SCHEMA},
            },
        }
    },
    responses={202: {"headers": {"Location": {}}}},
)
async def upload_video(
    request: Request,
    response: Response,
    parts: WithParts,
    caller: Writer,
    once: Streamed,
    asked: Annotated[Described, Query()],
) -> Submitted:
    """Store a video and start analysing it.

    Send it as `multipart/form-data`, or as the raw body with everything else in the query. It streams through in constant memory. The
    answer comes when video and job are committed; follow `Location` for the events' progress.

    Or send JSON with the `url` where it lies, for a worker to fetch. The job's `stage` is `fetch` then, and `progress` counts bytes; it
    waits for a server that is away, and fails with `url_refused` or `address_refused` where that is no use.
    """
    elsewhere = by_url.is_meant(request)
    take_in = by_url.take_in if elsewhere else intake.take_in

    def answer(video: Video, job: Job) -> Submitted:
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        return Submitted(video=VideoOut.of(video), job=JobOut.of(job, Standing(arrival=Arrival(0, None) if elsewhere else None)))

    return await take_in(parts, caller, once, request, asked.model_dump(by_alias=True, exclude_none=True), answer)


@router.get("")
def list_videos(
    parts: WithParts,
    caller: Reader,
    custom_id: Annotated[Text | None, Query(description="Only the videos you gave this id.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[VideoOut]:
    """The workspace's videos, newest first."""
    with parts.sessions.begin() as session:
        page = videos.page(session, caller.workspace_id, custom_id=custom_id, limit=limit, cursor=cursor)
    return Listing(data=[VideoOut.of(video) for video in page.rows], next_cursor=page.next_cursor)


@router.get("/{video_id}")
def get_video(parts: WithParts, caller: Reader, video_id: UUID) -> VideoOut:
    """One video."""
    with parts.sessions.begin() as session:
        return VideoOut.of(videos.get(session, caller.workspace_id, video_id))


@router.delete("/{video_id}", status_code=204, response_description="It is deleted.")
def delete_video(parts: WithParts, caller: Writer, video_id: UUID) -> None:
    """Delete a video with its jobs, events, frames and bytes. Work on it ends; nothing brings it back."""
    parts.sessions.run(lambda session: videos.remove(session, caller.workspace_id, video_id, again_after=doomed.WRITTEN_WITHIN))
    try:
        parts.blobs.delete_prefix(video_prefix(video_id))
    except BlobsUnavailable:
        return  # The prefix is written down; the sweeper deletes it when the storage is back.
    with parts.sessions.begin() as session:
        doomed.deleted(session, prefix=video_prefix(video_id))


ABOUT: dict[str, Any] = {"Accept-Ranges": {}, "ETag": {}}
RANGE: dict[str, Any] = {"Content-Range": {}}


@router.head("/{video_id}/media", response_class=Response, response_description="The bytes are here.", responses={200: {"headers": ABOUT}})
def head_media(parts: WithParts, caller: Reader, video_id: UUID) -> Response:
    """What a GET of all of it would say of itself; ranges are for GET alone (RFC 9110, section 14.2)."""
    with parts.sessions.begin() as session:
        video = videos.arrived(session, caller.workspace_id, video_id)
    return Response(headers={**_about(video), "Content-Length": str(video.bytes)}, media_type=video.media_type)


@router.get(
    "/{video_id}/media",
    response_class=StreamingResponse,
    responses={
        200: {"description": "All of it.", "content": {"video/*": {"schema": BINARY}}, "headers": ABOUT},
        206: {"description": "The part asked for.", "content": {"video/*": {"schema": BINARY}}, "headers": {**ABOUT, **RANGE}},
        416: {**problems.RESPONSES[422], "description": "Nothing of the range is there; `Content-Range` tells the size.", "headers": RANGE},
    },
)
def get_media(
    parts: WithParts,
    caller: Reader,
    video_id: UUID,
    range_: Annotated[str | None, Header(alias="range", description="One part: `bytes=0-999`.")] = None,
    if_range: Annotated[str | None, Header(description="The `ETag` of the part before: all of it comes if it changed.")] = None,
) -> Response:
    """The bytes that were uploaded; answers `Range` with one part. 409 with the code `not_arrived` while they are being brought in,
    `never_read` where that failed.
    """
    with parts.sessions.begin() as session:
        video = videos.arrived(session, caller.workspace_id, video_id)
    headers, size = _about(video), video.bytes or 0
    part = ranges.wanted(range_, if_range=if_range, etag=headers["ETag"], size=size)
    start, end = part or (0, size)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(
        started(parts.blobs.stream(video.blob_key, start=start, end=end)), 206 if part else 200, headers, video.media_type
    )


def _about(video: Video) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", "ETag": f'"{video.sha256}"'}
