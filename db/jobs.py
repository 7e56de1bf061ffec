"""Jobs: queries, and the few writes that change a job's status."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from core.errors import NotFound
from db import budgets
from db.models import KINDS, OPEN_JOB_STATUSES, OPEN_WORK_STATES, Fetch, Job, JobRow, Plan, Video, Window, Work
from db.pages import Page, decode, encode
from db.standings import JOB_IDS
from db.videos import as_id

_ROWS = select(*Job.__table__.columns).where(Job.id == JOB_IDS)


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


def with_old_replies(session: Session, *, kept: timedelta) -> list[UUID]:
    """Jobs that ended so long ago and still have what the model said."""
    query = select(Job.id).where(Job.completed_at < func.clock_timestamp() - kept, ~Job.replies_forgotten)
    return list(session.scalars(query.order_by(Job.completed_at).limit(100)))


def get(session: Session, workspace_id: UUID, job_id: UUID) -> Job:
    """Raises `NotFound`, also for another workspace's job."""
    job = session.scalars(select(Job).where(Job.id == job_id, Job.workspace_id == workspace_id)).one_or_none()
    if job is None:
        raise _not_found(job_id)
    return job


def rows(connection: Connection, job_ids: Collection[UUID]) -> list[JobRow]:
    """Whichever of these there are, whoever's."""
    return list(connection.execute(_ROWS, {"job_ids": list(job_ids)}))


def row(connection: Connection, workspace_id: UUID, job_id: UUID) -> JobRow:
    """What `get` has, to look at. Raises `NotFound`, also for another workspace's job."""
    for found in rows(connection, [job_id]):
        if found.workspace_id == workspace_id:
            return found
    raise _not_found(job_id)


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
        raise _not_found(job_id)
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


def _not_found(job_id: UUID) -> NotFound:
    return NotFound(f"There is no job {job_id}.")
