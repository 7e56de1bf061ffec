"""Retries: a job that has ended begins again with what is missing of it, and keeps everything else.

| what there was                                       | what becomes of it                                               |
|------------------------------------------------------|------------------------------------------------------------------|
| a fetch, plan or segment that failed or was canceled | open again; windows that it had brought stay                     |
| a window without an answer, or with one in part      | open again; what of it was answered is not asked for again       |
| such a window whose frames were deleted meanwhile    | its segment is open again, and samples that window               |
| a window of which no frame could be decoded          | stays: it is the file that is damaged                            |
| a second look that brought nothing                   | set aside; settling plans it anew where its event is still there |

Everything that was open before has lost its lease, so nobody who worked on the job then can write to it now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import cast

from core.errors import BudgetSpent, JobRunning, ModelNotConfigured, NothingToRetry, Unprocessable
from db import jobs, windows
from db.models import KINDS, Budget, Event, Fetch, Job, Plan, Segment, Video, Window, Work

AGAIN: dict[type[Work], dict[str, Any]] = {
    kind: {
        "state": "pending",
        "attempts": 0,
        "outages": 0,
        "not_before": func.clock_timestamp(),
        "lease_token": None,
        "lease_until": None,
        "error": None,
    }
    for kind in KINDS
}

LASTING = (ModelNotConfigured.code, "tokens_unexpected")
"""Warnings that are about the question or the model; the others tell how a run went that is over."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """The ids of what is open again, to be rung for after the commit. `looks`: how many second looks were set aside."""

    fetches: list[UUID] = field(default_factory=list)
    plans: list[UUID] = field(default_factory=list)
    segments: list[UUID] = field(default_factory=list)
    windows: list[UUID] = field(default_factory=list)
    looks: int = 0

    def __bool__(self) -> bool:
        return bool(self.fetches or self.plans or self.segments or self.windows or self.looks)


def retry(session: Session, workspace_id: UUID, job_id: UUID, *, budget_usd: float | None, deadline: timedelta) -> tuple[Job, Reopened]:
    """Open what is missing of a job that has ended. `budget_usd` replaces the job's budget, what is spent already included.

    Raises `NotFound`, `JobRunning`, `NothingToRetry`, `BudgetSpent` where the job ended at its budget and there is no other, and
    `Unprocessable` for one that is spent already.
    """
    job = jobs.hold(session, workspace_id, job_id)
    if job.completed_at is None:
        raise JobRunning(f"The job is {job.status}. Wait for its end, or cancel it first; then it can be retried.")
    if job.status == "succeeded":
        raise NothingToRetry("All of the video was analysed. Submit a new job to ask something else of it.")
    # Held against the deletion of its frames, which looks for open jobs: see `videos.forget_frames`.
    session.execute(select(Video.id).where(Video.id == job.video_id).with_for_update(read=True, key_share=True))
    reopened = _reopen(session, job)
    if not reopened and job.status != "canceled":
        raise NothingToRetry(
            "No window of the job is without an answer that could have one: what `coverage.gaps` names can't be read in the file. "
            "Repair the file, and upload it again."
        )
    _grant(session, job, budget_usd)
    session.execute(update(Event).where(Event.job_id == job.id).values(provisional=True))
    job.status, job.stage = next(
        (("queued", stage) for stage, ids in (("fetch", reopened.fetches), ("plan", reopened.plans)) if ids), ("processing", "sample")
    )
    job.deadline_at = func.clock_timestamp() + deadline
    job.completed_at = job.error = job.coverage = None
    job.warnings = [warning for warning in job.warnings if warning["code"] in LASTING]
    session.flush()
    session.refresh(job)
    return job, reopened


def _grant(session: Session, job: Job, budget_usd: float | None) -> None:
    """Locks the budget after the windows, as everybody does."""
    budget = session.get_one(Budget, job.id, with_for_update=True)
    if budget_usd is None:
        if budget.closed:
            limit_usd, spent_usd = float(budget.limit_usd or 0), float(budget.spent_usd)
            raise BudgetSpent(f"The job ended at its budget of ${limit_usd:g}, of which ${spent_usd:g} are spent. Give a larger one.")
        return
    if Decimal(str(budget_usd)) <= budget.spent_usd:
        raise Unprocessable(f"${float(budget.spent_usd):g} of the job's budget are spent already: give more than that.", field="budget_usd")
    budget.limit_usd, budget.closed = Decimal(str(budget_usd)), False
    job.request = {**job.request, "budget_usd": budget_usd}


def _reopen(session: Session, job: Job) -> Reopened:
    beginning = jobs.beginning(session, job.id)
    if isinstance(beginning, Fetch):
        return Reopened(fetches=_open(session, Fetch, [beginning.id]))
    if beginning.state != "done":
        return Reopened(plans=_open(session, Plan, [beginning.id]))
    looked, looked_again = windows.of_job(session, job.id)
    wanting = [window for window in looked if windows.wants_an_answer(window)]
    frameless = {window.seq for window in wanting if window.frames_key is None}
    segments = [
        segment.id
        for segment in windows.segments_of_job(session, job.id)
        if segment.state != "done" or frameless & {seq for seq, *_ in segment.windows}
    ]
    session.execute(
        update(Window)
        .where(Window.id.in_([window.id for window in wanting]), Window.raw_reply.is_not(None))
        .values(raw_reply=Window.raw_reply.op("||")(cast({"again": True}, JSONB)))
    )
    return Reopened(
        segments=_open(session, Segment, segments),
        windows=_open(session, Window, [window.id for window in wanting if window.frames_key is not None]),
        looks=_set_aside(session, job, looked_again),
    )


def forget_replies(session: Session, job_id: UUID) -> None:
    """Delete what the model said to a job that is over. Counts, costs and events stay, and so do replies that a retry would read."""
    job = jobs.lock(session, job_id)
    if job is None or job.completed_at is None:
        return
    read_no_more = [window.id for part in windows.of_job(session, job_id) for window in part if not windows.wants_an_answer(window)]
    session.execute(
        update(Window)
        .where(Window.id.in_(read_no_more), Window.raw_reply.is_not(None))
        .values(raw_reply=Window.raw_reply.op("||")(cast({"replies": []}, JSONB)))
    )
    job.replies_forgotten = True


def _open(session: Session, kind: type[Work], ids: Iterable[UUID]) -> list[UUID]:
    return list(session.scalars(update(kind).where(kind.id.in_(list(ids))).values(AGAIN[kind]).returning(kind.id)))


def _set_aside(session: Session, job: Job, looked_again: list[Window]) -> int:
    """Looks that ended without an answer, and those that their segment never came to. What they cost stays."""
    failed = [window.id for window in looked_again if window.state != "done"]
    session.execute(update(Window).where(Window.id.in_(failed)).values(state="canceled", look=None))
    sampled = {(window.pass_, window.seq) for window in looked_again}
    left = session.scalars(delete(Segment).where(Segment.job_id == job.id, Segment.pass_ > 0, Segment.state != "done").returning(Segment))
    never = sum((segment.pass_, seq) not in sampled for segment in left for seq, *_ in segment.windows)
    job.windows_total = (job.windows_total or 0) - len(failed) - never
    return len(failed) + never
