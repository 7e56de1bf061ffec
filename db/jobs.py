"""Jobs: queries, and the few writes that change a job's status."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, bindparam, exists, func, or_, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from core.errors import NotFound
from db import budgets
from db.models import KINDS, OPEN_JOB_STATUSES, OPEN_WORK_STATES, Fetch, Job, Plan, Segment, Video, Window, Work
from db.pages import Page, decode, encode
from db.videos import as_id


class Round(NamedTuple):
    """Which pass over its video a job is at (0: the first look), how many windows that has, and how many of these have ended."""

    pass_: int = 0
    planned: int = 0
    ended: int = 0


class Arrival(NamedTuple):
    """How many bytes of its video a job has brought in, and of how many; null: nobody knows yet. `furthest`: the largest share that it had
    before it began anew.
    """

    bytes_done: int
    bytes_total: int | None
    furthest: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What a job's windows add up to."""

    windows_done: int = 0
    windows_failed: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    uncertain_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)


def submit(session: Session, video: Video, request: dict[str, Any], *, deadline: timedelta) -> tuple[Job, Plan]:
    """A new question about a video, with the plan that is its first piece of work, and its budget."""
    job = _begin(session, video, request, deadline=deadline)
    return job, plan(session, job)


def expect(session: Session, video: Video, request: dict[str, Any], *, deadline: timedelta, **fetch: Any) -> tuple[Job, Fetch]:
    """The same about a video whose bytes are yet to be brought in; `fetch` says whence, and its plan comes then."""
    job = _begin(session, video, request, deadline=deadline, stage="fetch")
    fetching = Fetch(workspace_id=job.workspace_id, job_id=job.id, **fetch)
    session.add(fetching)
    session.flush()
    return job, fetching


def _begin(session: Session, video: Video, request: dict[str, Any], *, deadline: timedelta, stage: str = "plan") -> Job:
    job = Job(
        workspace_id=video.workspace_id,
        video_id=video.id,
        request=request,
        stage=stage,
        deadline_at=func.clock_timestamp() + deadline,
    )
    session.add(job)
    session.flush()
    budgets.begin(session, job.id, limit_usd=request.get("budget_usd"))
    session.refresh(job)
    return job


def plan(session: Session, job: Job) -> Plan:
    """The plan of a job whose video is there."""
    made = Plan(workspace_id=job.workspace_id, job_id=job.id)
    session.add(made)
    session.flush()
    return made


def beginning(session: Session, job_id: UUID) -> Fetch | Plan:
    """What nothing of a job comes before: its fetch until that is done, then its plan."""
    fetch = session.scalars(select(Fetch).where(Fetch.job_id == job_id, Fetch.state != "done")).one_or_none()
    return fetch or session.scalars(select(Plan).where(Plan.job_id == job_id)).one()


# Put together once: that takes longer than to ask.
_JOB_IDS = func.any(bindparam("job_ids", type_=ARRAY(Uuid)))
_ARRIVALS = select(Fetch.job_id, Fetch.bytes_done, Fetch.bytes_total, Fetch.furthest).where(Fetch.job_id == _JOB_IDS)
_TALLIES = (
    select(
        Window.job_id,
        func.count().filter(Window.state == "done"),
        func.count().filter(Window.state == "failed"),
        func.sum(Window.calls),
        func.sum(Window.input_tokens),
        func.sum(Window.output_tokens),
        func.sum(Window.cost_usd),
        func.sum(Window.uncertain_usd),
        func.sum(Window.reserved_usd),
    )
    .where(Window.job_id == _JOB_IDS)
    .group_by(Window.job_id)
)


def _each_pass(kind: type[Segment | Window], count: ColumnElement[int]) -> Select[Any]:
    """What `_by_pass` asks."""
    query = select(kind.job_id, kind.pass_, count, func.bool_or(kind.state.in_(OPEN_WORK_STATES))).where(kind.job_id == _JOB_IDS)
    return query.group_by(kind.job_id, kind.pass_)


_PLANNED = _each_pass(Segment, func.sum(func.jsonb_array_length(Segment.windows)))
_SET_ASIDE = and_(Window.pass_ > 0, Window.look.is_(None))
_ENDED = _each_pass(Window, func.count().filter(or_(Window.state.in_(("done", "failed")), _SET_ASIDE)))


def arrivals(session: Session, job_ids: Iterable[UUID]) -> dict[UUID, Arrival]:
    """Job id -> what of its video's bytes is there; jobs whose video was there before are left out."""
    rows = session.execute(_ARRIVALS, {"job_ids": list(job_ids)})
    return {job_id: Arrival(done, total, furthest) for job_id, done, total, furthest in rows}


def with_old_replies(session: Session, *, kept: timedelta) -> list[UUID]:
    """Jobs that ended so long ago and still have what the model said."""
    query = select(Job.id).where(Job.completed_at < func.clock_timestamp() - kept, ~Job.replies_forgotten)
    return list(session.scalars(query.order_by(Job.completed_at).limit(100)))


def get(session: Session, workspace_id: UUID, job_id: UUID) -> Job:
    """Raises `NotFound`, also for another workspace's job."""
    job = session.scalars(select(Job).where(Job.id == job_id, Job.workspace_id == workspace_id)).one_or_none()
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def several(session: Session, job_ids: Iterable[UUID]) -> list[Job]:
    """Whichever of these there are, whoever's."""
    return list(session.scalars(select(Job).where(Job.id.in_(job_ids))))


def lock(session: Session, job_id: UUID) -> Job | None:
    """The job, locked until the transaction ends: whoever finishes a piece of work takes this first, so that the last one sees it is.

    `NO KEY`, so that rows pointing at the job can be inserted meanwhile. None: it was deleted.
    """
    return session.scalars(
        select(Job).where(Job.id == job_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()


def hold(session: Session, workspace_id: UUID, job_id: UUID) -> Job:
    """The same for whoever asks from outside. Raises `NotFound`."""
    get(session, workspace_id, job_id)
    job = lock(session, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def compute_long(session: Session) -> None:
    """Let this transaction compute for two minutes while it holds its locks: the events of a day of video take seconds, on a busy machine
    more than the fifteen after which a frozen worker is cut off.
    """
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))


def page(
    session: Session, workspace_id: UUID, *, video_id: UUID | None, status: Iterable[str], limit: int, cursor: str | None
) -> Page[Job]:
    """Newest first."""
    query = select(Job).where(Job.workspace_id == workspace_id).order_by(Job.id.desc()).limit(limit + 1)
    if video_id is not None:
        query = query.where(Job.video_id == video_id)
    if wanted := tuple(status):
        query = query.where(Job.status.in_(wanted))
    if cursor is not None:
        query = query.where(Job.id < as_id(decode(cursor, sort="-id", places=1)[0]))
    rows = list(session.scalars(query))
    return Page(rows[:limit], encode("-id", [str(rows[limit - 1].id)]) if len(rows) > limit else None)


def tallies(session: Session, job_ids: Iterable[UUID]) -> dict[UUID, Tally]:
    """Job id -> tally; jobs without windows are left out."""
    rows = session.execute(_TALLIES, {"job_ids": list(job_ids)})
    return {
        job_id: Tally(done, failed, int(calls), int(tokens_in), int(tokens_out), *dollars)
        for job_id, done, failed, calls, tokens_in, tokens_out, *dollars in rows
    }


def rounds(session: Session, job_ids: Iterable[UUID]) -> dict[UUID, Round]:
    """Job id -> the first pass in which there is work, the last one where there is none; jobs that have no segments yet are left out."""
    ids = list(job_ids)
    segments, windows = _by_pass(session, _PLANNED, ids), _by_pass(session, _ENDED, ids)
    found: dict[UUID, Round] = {}
    for (job_id, pass_), (count, is_open) in sorted(segments.items(), reverse=True):
        over, is_asked = windows.get((job_id, pass_), (0, False))
        if job_id not in found or is_open or is_asked:
            found[job_id] = Round(pass_, count, over)
    return found


def _by_pass(session: Session, query: Select[Any], job_ids: list[UUID]) -> dict[tuple[UUID, int], tuple[int, bool]]:
    """(job id, pass) -> the count, and whether any of the rows is open."""
    rows = session.execute(query, {"job_ids": job_ids})
    return {(job_id, pass_): (int(number), is_open) for job_id, pass_, number, is_open in rows}


def cancel(session: Session, workspace_id: UUID, job_id: UUID) -> Job:
    """Start no further work on a job. Decoding stops at its next heartbeat; calls in flight are let finish, since they are paid for.

    A job that is closed stays as it is. Raises `NotFound`.
    """
    job = hold(session, workspace_id, job_id)
    if job.status in OPEN_JOB_STATUSES:
        job.status = "canceling"
        stop_work(session, job_id)
    return job


def stop_work(session: Session, job_id: UUID, *, error: dict[str, Any] | None = None) -> None:
    """Cancel whatever of a job is open, or fail it with the error, but for calls in flight. Segments come before windows: one that is
    just inserting a window holds its row until that is committed, so the window is seen.
    """
    values = {"state": "failed", "error": error} if error else {"state": "canceled"}
    for kind in KINDS:
        _end(session, kind, job_id, ("pending",) if kind is Window else OPEN_WORK_STATES, values)


def end_work(session: Session, job_id: UUID, *, error: dict[str, Any]) -> None:
    """End whatever of a job is open as failed, calls in flight too: nobody waits for them any more."""
    for kind in KINDS:
        _end(session, kind, job_id, OPEN_WORK_STATES, {"state": "failed", "error": error})


def _end(session: Session, kind: type[Work], job_id: UUID, states: Iterable[str], values: dict[str, Any]) -> None:
    """What has an answer, from before a retry, keeps it."""
    of_job = and_(kind.job_id == job_id, kind.state.in_(states))
    if kind is Window:
        session.execute(update(Window).where(of_job, Window.detections.is_not(None)).values(state="done"))
    session.execute(update(kind).where(of_job).values(values))


def is_open(session: Session, job_id: UUID) -> bool:
    """Whether any piece of a job's work is still to be done."""
    return any(session.scalar(select(exists().where(kind.job_id == job_id, kind.state.in_(OPEN_WORK_STATES)))) for kind in KINDS)


def warn(session: Session, job_id: UUID, *, code: str, detail: str) -> None:
    """Tell the job's owner something, once a code."""
    entry = type_coerce([{"code": code, "detail": detail}], JSONB)
    session.execute(
        update(Job)
        .where(Job.id == job_id, ~Job.warnings.contains(type_coerce([{"code": code}], JSONB)))
        .values(warnings=Job.warnings.op("||")(entry))
    )


def to_show(session: Session, job_id: UUID, *, within: timedelta) -> int | None:
    """Take it on to bring a running job's provisional events up to date; the revision to show. None: they are, or somebody is at it, or
    was only just now. Whoever has not said `shown` within the time is taken for dead.
    """
    now = func.clock_timestamp()
    query = update(Job).where(Job.id == job_id, _stale(), Job.show_after <= now).values(show_after=now + within)
    return session.scalars(query.returning(Job.revision)).one_or_none()


def shown(session: Session, job_id: UUID, *, revision: int, rest: timedelta) -> None:
    """The job's events are up to date with the revision; leave them alone for a while."""
    session.execute(update(Job).where(Job.id == job_id).values(shown_revision=revision, show_after=func.clock_timestamp() + rest))


def unshown(session: Session) -> list[UUID]:
    """Running jobs whose provisional events may be brought up to date."""
    return list(session.scalars(select(Job.id).where(_stale(), Job.show_after <= func.clock_timestamp()).limit(100)))


def _stale() -> ColumnElement[bool]:
    return and_(Job.completed_at.is_(None), Job.shown_revision < Job.revision)


def settleable(session: Session) -> list[UUID]:
    """Open jobs with no open work, or past their deadline: the ones to settle."""
    working = or_(*(exists().where(and_(kind.job_id == Job.id, kind.state.in_(OPEN_WORK_STATES))) for kind in KINDS))
    return list(
        session.scalars(
            select(Job.id).where(Job.completed_at.is_(None), or_(~working, Job.deadline_at < func.clock_timestamp())).limit(100)
        )
    )


def price(session: Session, job_id: UUID) -> dict[str, Any] | None:
    """What the job's estimate was made with, as `core.prices.Price.as_dict` has it."""
    return session.scalars(select(Job.estimate["price"]).where(Job.id == job_id)).one_or_none()


def is_past_deadline(session: Session, job: Job) -> bool:
    return bool(session.scalar(select(Job.deadline_at < func.clock_timestamp()).where(Job.id == job.id)))
