"""`/v1/jobs`: ask, follow, compare, cancel, retry."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from core.errors import ModelNotConfigured, Unprocessable
from core.queue import LOCALIZE, PLAN, SAMPLE, SETTLE
from core.request import JobRequest, Number
from core.spans import Span
from db import events, jobs, retries, videos
from db.jobs import Round, Tally
from db.models import Job
from services.api import asking
from services.api.bodies import LimitedRoute
from services.api.context import Reader, WithParts, Writer, given_once, known_query
from services.api.difference import Answer, Cause, Side, difference
from services.api.estimates import EstimateOut
from services.api.events import EventOut
from services.api.listing import Cursor, Limit, Listing
from services.api.progress import Progress, progress

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=LimitedRoute)

JobStatus = Literal["queued", "processing", "succeeded", "partial", "failed", "canceling", "canceled"]


class GapOut(BaseModel):
    """A stretch of the video that was not analysed, and the code of the reason."""

    start_ms: int
    end_ms: int
    reason: str = Field(examples=["unreadable", "budget"])


class CoverageOut(BaseModel):
    """How much of the video was analysed. `ratio` is 1 only if all of it was."""

    ratio: float
    gaps: list[GapOut]


class UsageOut(BaseModel):
    """What the model's provider counted and charged so far."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float = Field(description="As the provider charged it; its tokens at the estimate's price where it does not say.")
    uncertain_usd: float = Field(
        description="The part of `cost_usd` that calls may have cost whose bill never came (they timed out, or a worker died): as much as "
        "they can have cost."
    )
    reserved_usd: float = Field(description="The most that calls in flight may cost.")


class Reason(BaseModel):
    """What went wrong: `code` is stable, `detail` says what to do."""

    code: str
    detail: str


class JobOut(BaseModel):
    """One question asked of one video. `partial` means that some windows failed; `coverage.gaps` says what was not analysed."""

    id: UUID
    object: Literal["job"] = "job"
    video_id: UUID
    status: JobStatus
    stage: str = Field(
        description="`plan`, `sample` (frames are decoded and the model is asked meanwhile), `refine` (second looks), `done`."
    )
    progress: Progress
    estimate: EstimateOut | None = Field(description="What it was expected to cost. Null until the video was looked at.")
    coverage: CoverageOut | None = Field(description="Null until the job ends.")
    usage: UsageOut
    error: Reason | None
    warnings: list[Reason] = Field(description="What you should know while it runs: a model that is away, a question that goes unanswered.")
    request: dict[str, Any] = Field(description="What is being carried out, defaults filled in.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, job: Job, tally: Tally | None = None, at: Round | None = None) -> "JobOut":
        tally = tally or Tally()
        same = {name: getattr(job, name) for name in cls.model_fields if name not in {"object", "progress", "usage", "error"}}
        error = {"code": job.error["code"], "detail": job.error["detail"]} if job.error else None
        return cls.model_validate({**same, "progress": progress(job, tally, at or Round()), "usage": _usage(tally), "error": error})


def _usage(tally: Tally) -> UsageOut:
    return UsageOut(
        calls=tally.calls,
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cost_usd=float(tally.cost_usd),
        uncertain_usd=float(tally.uncertain_usd),
        reserved_usd=float(tally.reserved_usd),
    )


def outs(session: Session, found: Iterable[Job]) -> list[JobOut]:
    """Jobs as the API tells of them."""
    rows = list(found)
    tallies = jobs.tallies(session, [job.id for job in rows])
    running = [job.id for job in rows if job.completed_at is None]
    rounds = jobs.rounds(session, running) if running else {}
    return [JobOut.of(job, tallies.get(job.id), rounds.get(job.id)) for job in rows]


@router.post(
    "/videos/{video_id}/jobs",
    status_code=202,
    responses={202: {"headers": {"Location": {"description": "The job.", "schema": {"type": "string"}}}}},
)
def submit_job(parts: WithParts, caller: Writer, video_id: UUID, response: Response, body: JobRequest | None = None) -> JobOut:
    """Ask a question of a video that is already here. Frames that were sampled the same way before are used again."""
    with parts.sessions.begin() as session:
        video = videos.get(session, caller.workspace_id, video_id)
        job, plan = asking.submit(session, video, body or JobRequest(), parts.settings)
    parts.ring(PLAN, plan.id)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobOut.of(job)


@router.get("/jobs", dependencies=[Depends(known_query)])
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


@router.get("/jobs/{job_id}/diff", dependencies=[Depends(known_query), Depends(given_once)])
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
def cancel_job(parts: WithParts, caller: Writer, job_id: UUID) -> JobOut:
    """Stop a job. Decoding stops, no further model call is made, and what was found stays. A job that has ended stays as it is."""

    def cancel(session: Session) -> JobOut:
        return outs(session, [jobs.cancel(session, caller.workspace_id, job_id)])[0]

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
def retry_job(parts: WithParts, caller: Writer, job_id: UUID, body: RetryIn | None = None) -> JobOut:
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
        job = outs(session, [row])[0]
    for task, ids in ((PLAN, reopened.plans), (SAMPLE, reopened.segments), (LOCALIZE, reopened.windows), (SETTLE, [job_id])):
        for row_id in ids:
            parts.ring(task, row_id)
    return job
