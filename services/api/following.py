"""`GET /v1/jobs/{id}`, now or once it has ended, and `GET /v1/jobs/{id}/stream`: all that becomes of a job, as it becomes it."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from core.errors import NotFound, Unprocessable
from db.resources.jobs import JobOut
from services.api.bodies import LimitedRoute
from services.api.context import Reader, parts_of
from services.api.door import Caller
from services.api.glances import Glances
from services.api.hub import Followed, Told, hub_of
from services.api.stream import NAMES, SEEN, EventStream, Seen, messages

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=LimitedRoute)

LONGEST_WAIT_S = 60
MESSAGE = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": list(NAMES), "description": "What is told."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The job, the event, or an `id`.",
            "examples": ['{"object":"job","status":"processing"}'],
        },
        "id": {"type": "string", "pattern": SEEN, "description": "Go on after it with `Last-Event-ID`.", "examples": [str(Seen())]},
        "retry": {"type": "integer", "minimum": 0, "description": "When to come back, in milliseconds.", "examples": [1500]},
    },
}


async def _told(request: Request, caller: Caller, job_id: UUID) -> Told:
    glances: Glances = request.app.state.glances
    return await glances.told(caller.workspace_id, job_id)


@router.get("/jobs/{job_id}", response_model=JobOut)
async def get_job(
    request: Request,
    caller: Reader,
    job_id: UUID,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_S, description="Answer once the job has ended, or after so many seconds.", examples=[30])
    ] = 0,
) -> Response:
    """How a job is doing. Always 200, whatever became of the job, and whether it ended in the time to `wait` or not."""
    told = await _told(request, caller, job_id)
    if told.ended or not wait:
        return Response(told.json, media_type="application/json")
    with hub_of(request).following(job_id) as followed:
        longest_s = parts_of(request).settings.stream_time.total_seconds()
        return Response(await _ended(followed, told, wait_s=min(wait, longest_s)), media_type="application/json")


async def _ended(followed: Followed, told: Told, *, wait_s: float) -> str:
    """The job once it has ended, or as it is when the time is over or this process stops. Raises `NotFound` once it is deleted."""
    try:
        async with asyncio.timeout(wait_s):
            while not (told.ended or followed.closing):
                await followed.news(told)
                if followed.gone:
                    raise NotFound(f"The job {followed.id} was deleted.")
                told = followed.told or told
    except TimeoutError:
        pass
    return told.json


@router.get(
    "/jobs/{job_id}/stream",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "Messages, until the job has ended.",
            "content": {
                "text/event-stream": {
                    "schema": MESSAGE,  # of each message, as before OpenAPI 3.2
                }
            },
        },
        204: {"description": "The job has ended, and whoever has this id was told all of it: don't come back."},
    },
)
async def stream_job(
    request: Request,
    caller: Reader,
    job_id: UUID,
    last_event_id: Annotated[str | None, Header(pattern=SEEN, description="`id` of the last message: go on after it.")] = None,
    after: Annotated[
        str | None, Query(pattern=SEEN, description="The same, for clients that can't send the header, which counts first.")
    ] = None,
) -> Response:
    """Server-sent events: what becomes of a job, as it becomes it. What there is already comes first, so nothing else need be asked.

    | `event` | `data` |
    |---|---|
    | `job` | The job, as `GET /v1/jobs/{id}` has it: whenever anything of it changed. |
    | `event` | An event that is new or different, as `GET /v1/events/{id}` has it; also one that a second look rejected. |
    | `withdrawn` | `id` of an event that there is no more: joined with another one, or a second look left nothing of it. |
    | `end` | The job as it ended; events that were not withdrawn are no longer provisional. Nothing follows. |
    | `deleted` | `id` of the job, which was deleted. Nothing follows. |

    Whoever puts events into a map by their `id`, and takes out what is withdrawn, has what the job has found, also after going on with
    `Last-Event-ID`. A comment comes now and then as a sign of life. A stream may close without `end`: come back with the last id.
    """
    told = await _told(request, caller, job_id)
    last = last_event_id or after
    seen = Seen.read(last) if last else Seen()
    if seen.place.change > told.changes:
        raise Unprocessable("This is not an id of this job's stream; start again without one.", field="last-event-id")
    if told.ended and seen.digest == told.digest:
        return Response(status_code=204)
    hub, settings = hub_of(request), parts_of(request).settings
    hub.check_room()
    return EventStream(messages(hub, job_id, seen, lasts=settings.stream_time, untold=told.changes if last is None else -1), settings)
