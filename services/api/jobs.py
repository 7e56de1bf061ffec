"""`/v1/jobs`: ask, follow, compare, cancel, retry."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from core.errors import ModelNotConfigured, Unprocessable
from core.queue import FETCH, LOCALIZE, PLAN, SAMPLE, SETTLE
from core.request import JobRequest, Number
from core.spans import Span
from db import events, jobs, retries, videos
from db.models import Job, JobRow
from db.resources.events import EventOut
from db.resources.jobs import JobOut, JobStatus
from db.standings import Standing, standings
from services.api import asking
from services.api.bodies import LimitedRoute
from services.api.context import Reader, WithParts, Writer
from services.api.difference import Answer, Cause, Side, difference
from services.api.listing import Cursor, Limit, Listing
from services.api.once import Whole

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=LimitedRoute)


def outs(asked: Session | Connection, found: Iterable[Job | JobRow]) -> list[JobOut]:
    """Jobs as the API tells of them."""
    rows = list(found)
    standing = standings(asked, [job.id for job in rows])
    return [JobOut.of(job, standing[job.id]) for job in rows]


@router.post(
    "/videos/{video_id}/jobs",
    status_code=202,
    responses={202: {"headers": {"Location": {}}}},
)
def submit_job(parts: WithParts, caller: Writer, once: Whole, video_id: UUID, response: Response, body: JobRequest | None = None) -> JobOut:
    """Ask a question of a video that is already here. Frames that were sampled the same way before are used again.

    409 with the code `not_arrived` while the video's bytes are being brought in: the job that came with it is the first. `never_read` where
    that one ended without: retry it.
    """
    with parts.sessions.begin() as session:
        video = videos.arrived(session, caller.workspace_id, video_id)
        job, plan = asking.submit(session, video, body or JobRequest(), parts.settings, by=caller)
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        answer = once.keep(session, JobOut.of(job, Standing()))
    parts.ring(PLAN, plan.id)
    return answer


@router.get("/jobs")
def list_jobs(
    parts: WithParts,
    caller: Reader,
    video_id: Annotated[UUID | None, Query(description="Only jobs of this video.")] = None,
    status: Annotated[list[JobStatus] | None, Query(description="Only jobs in one of these states.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[JobOut]:
    """The workspace's jobs, newest first."""
    with parts.sessions.begin() as session:
        page = jobs.page(session, caller.workspace_id, video_id=video_id, status=status or (), limit=limit, cursor=cursor)
        return Listing(data=outs(session, page.rows), next_cursor=page.next_cursor)


class Moved(BaseModel):
    """An event that both jobs found, with a boundary that moved by more than what is uncertain of it."""

    event: EventOut
    before: EventOut
    start_moved_ms: int = Field(description="How much later it starts than before.")
    end_moved_ms: int


class IncomparableOut(BaseModel):
    """An event of one job that the other one could not have found, whether it is there or not."""

    event: EventOut
    of: Side = Field(description="Which of the two found it.")
    reason: Cause = Field(
        description="`not_asked`: the other job did not ask for its type. `not_analysed`: it overlaps a gap of the other job's coverage, "
        "or that job has not ended, or has analysed nothing."
    )


class DiffOut(BaseModel):
    """What a job found against what another job found in the same video. What the other one could not have found is neither in `appeared`
    nor in `vanished`.
    """

    object: Literal["job_diff"] = "job_diff"
    job_id: UUID
    status: JobStatus = Field(description="The job's.")
    against: UUID
    against_status: JobStatus = Field(description="The other job's.")
    appeared: list[EventOut] = Field(description="What only this job found, and the other one could have.")
    vanished: list[EventOut] = Field(description="What only the other one found, and this job could have.")
    moved: list[Moved]
    unchanged: int = Field(description="How many events both found at the same times, as far as these are certain.")
    incomparable: list[IncomparableOut] = Field(
        description="What one job found and the other one could not have: not asked for, or in a stretch that it did not analyse."
    )


@router.get("/jobs/{job_id}/diff")
def diff_jobs(
    parts: WithParts,
    caller: Reader,
    job_id: UUID,
    against: Annotated[UUID, Query(description="The job of the same video to compare with, mostly an earlier one.")],
) -> DiffOut:
    """What appeared, vanished and moved between two answers about one video. Events of one type that overlap are taken for the same; what a
    second look rejected is in neither.

    A hole is not taken for a change: an event that the other job could not have found is `incomparable`. A job with `event_types` asks for
    these; a model without them for whatever a model tells, and `signals` for whatever the signals tell.
    """
    with parts.sessions.begin() as session:
        job, other = (jobs.get(session, caller.workspace_id, one) for one in (job_id, against))
        if job.video_id != other.video_id:
            raise Unprocessable("The two jobs are about different videos.", field="against")
        found = difference(_answer(session, job, other), _answer(session, other, job))
    return DiffOut(
        job_id=job.id,
        status=job.status,
        against=other.id,
        against_status=other.status,
        appeared=found.appeared,
        vanished=found.vanished,
        moved=[
            Moved(event=one, before=was, start_moved_ms=one.start_ms - was.start_ms, end_moved_ms=one.end_ms - was.end_ms)
            for one, was in found.moved
        ],
        unchanged=len(found.same),
        incomparable=[IncomparableOut(event=one.event, of=one.of, reason=one.reason) for one in found.incomparable],
    )


def _answer(session: Session, job: Job, other: Job) -> Answer[EventOut]:
    found = [EventOut.of(event) for event in events.of_job(session, job.id)]
    return Answer(found, asks=_asks(job.request, other.request), gaps=_gaps(job))


def _asks(request: dict[str, Any], other: dict[str, Any]) -> frozenset[str] | None:
    """The types that a job asks for of those that another one found; None: all of them. What the signals tell is not what a model tells,
    unless its question names it.
    """
    if request["analyzer"] == "model" and request["event_types"]:
        return frozenset(kind["id"] for kind in request["event_types"])
    return None if request["analyzer"] == other["analyzer"] else frozenset()


def _gaps(job: Job) -> list[Span] | None:
    """None: nothing is analysed for sure. A job that failed before its video's length was known has no coverage, and no gaps either."""
    told = job.coverage
    if told is None or not (told["ratio"] or told["gaps"]):
        return None
    return [Span(gap["start_ms"], gap["end_ms"]) for gap in told["gaps"]]


@router.post("/jobs/{job_id}/cancel")
def cancel_job(parts: WithParts, caller: Writer, once: Whole, job_id: UUID) -> JobOut:
    """Stop a job. Decoding stops, no further model call is made, and what was found stays. A job that has ended stays as it is."""

    def cancel(session: Session) -> JobOut:
        return once.keep(session, outs(session, [jobs.cancel(session, caller.workspace_id, job_id)])[0])

    job = parts.sessions.run(cancel)
    parts.ring(SETTLE, job_id)
    return job


class RetryIn(BaseModel):
    """How a job goes on."""

    model_config = ConfigDict(extra="forbid")

    budget_usd: Number | None = Field(
        None,
        gt=0,
        le=100_000,
        description="The job's new budget in dollars, what it has spent already included. Needed where the job ended at its budget.",
        examples=[0.5],
    )


@router.post("/jobs/{job_id}/retry", status_code=202)
def retry_job(parts: WithParts, caller: Writer, once: Whole, job_id: UUID, body: RetryIn | None = None) -> JobOut:
    """Have what is missing of a job that ended `partial`, `failed` or `canceled` analysed after all: windows that failed, and gaps that the
    model or the budget left. What was answered is not asked for again, frames that are stored are not decoded again, and the events stay,
    `provisional`, until the job ends anew.

    Problems: `job_running` while the job has not ended; `nothing_to_retry` where it has all that can be had; `budget` where it ended at
    its budget and no larger one is given; `model_not_configured` where the server has no model any more.
    """
    budget_usd = body.budget_usd if body else None
    with parts.sessions.begin() as session:
        row, reopened = retries.retry(session, caller.workspace_id, job_id, budget_usd=budget_usd, deadline=parts.settings.job_deadline)
        if row.request["analyzer"] == "model" and not parts.settings.has_model:
            raise ModelNotConfigured("Set PLAYHEAD_MODEL_API_KEY or PLAYHEAD_MODEL_URL on the server, and try again.")
        job = once.keep(session, outs(session, [row])[0])
    for task, ids in (
        (FETCH, reopened.fetches),
        (PLAN, reopened.plans),
        (SAMPLE, reopened.segments),
        (LOCALIZE, reopened.windows),
        (SETTLE, [job_id]),
    ):
        for row_id in ids:
            parts.ring(task, row_id)
    return job
