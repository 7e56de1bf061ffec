"""How much a key may do in a day, and a workspace hold: counted by rows, in the transaction that does it.

Limits are numbers; 0 is no limit.
"""

from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.errors import QuotaExceeded, WorkspaceFull
from core.settings import Settings
from db.models import Job, KeyDay, Upload, Video, Workspace

What = Literal["uploads", "jobs"]

UNTIL_TOMORROW_S = text("extract(epoch FROM current_date + 1 - localtimestamp)::int")
OPEN_JOBS_AGAIN_S = 30


def ensure_left(session: Session, key_id: UUID, what: What, *, limit: int) -> None:
    """Whether a key may have one more today: for those who would do much work in vain. Raises `QuotaExceeded`."""
    used = select(getattr(KeyDay, what)).where(KeyDay.api_key_id == key_id, KeyDay.day == func.current_date())
    if limit and (session.scalar(used) or 0) >= limit:
        raise _used_up(session, what, limit)


def spend(session: Session, key_id: UUID, what: What, *, limit: int) -> None:
    """One more of a key's today. Raises `QuotaExceeded`. However many do so at once, no more than the limit get through."""
    if not limit:
        return
    column = getattr(KeyDay, what)
    query = insert(KeyDay).values(api_key_id=key_id, day=func.current_date(), **{what: 1})
    query = query.on_conflict_do_update(index_elements=["api_key_id", "day"], set_={what: column + 1}, where=column < limit)
    used = session.scalar(query.returning(column))
    if used is None:
        raise _used_up(session, what, limit)
    if used == 1:
        session.execute(delete(KeyDay).where(KeyDay.api_key_id == key_id, KeyDay.day < func.current_date()))


def _used_up(session: Session, what: What, limit: int) -> QuotaExceeded:
    until_s = session.scalar(select(UNTIL_TOMORROW_S))
    return QuotaExceeded(
        f"This API key may have {limit} {what} a day (UTC).", retry_after_s=until_s, quota=f"max_{what}_a_day", limit=limit
    )


def open_job(session: Session, workspace_id: UUID, settings: Settings) -> None:
    """Whether one more job may be open. Raises `QuotaExceeded`. Holds the workspace's row, so that they come one after the other."""
    own = session.scalar(select(Workspace.max_open_jobs).where(Workspace.id == workspace_id))
    limit = settings.max_open_jobs if own is None else own
    if not limit:
        return
    session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))
    is_open = select(func.count()).where(Job.workspace_id == workspace_id, Job.completed_at.is_(None))
    if (session.scalar(is_open) or 0) >= limit:
        raise QuotaExceeded(
            f"This workspace may have {limit} open jobs at a time; wait for one to end.",
            retry_after_s=OPEN_JOBS_AGAIN_S,
            quota="max_open_jobs",
            limit=limit,
        )


def ensure_room(session: Session, workspace_id: UUID, settings: Settings, *, more: int = 0) -> None:
    """Whether the videos that are stored, those that are arriving, and so many bytes more, are as many as may be. Raises `WorkspaceFull`.

    Holds the workspace's row, as `open_job` does: a transaction that spends does so before.
    """
    own = session.scalar(select(Workspace.max_stored_bytes).where(Workspace.id == workspace_id))
    limit = settings.max_stored_bytes if own is None else own
    if not limit:
        return
    session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))
    stored = session.scalar(select(func.sum(Video.bytes)).where(Video.workspace_id == workspace_id)) or 0
    coming = session.scalar(select(func.sum(func.coalesce(Upload.length, Upload.offset))).where(*_arriving(workspace_id))) or 0
    if int(stored) + int(coming) + more > limit:
        raise WorkspaceFull(
            f"This workspace may store {limit} bytes; delete videos that you no longer need.", quota="max_stored_bytes", limit=limit
        )


def _arriving(workspace_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Uploads that take room, or are to."""
    return Upload.workspace_id == workspace_id, Upload.state != "done", Upload.expires_at > func.clock_timestamp()
