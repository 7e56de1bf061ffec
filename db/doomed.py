"""Blobs to delete: an outbox, so that a crash between the row and the blob leaves nothing behind."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import DoomedBlobs

WRITTEN_WITHIN = timedelta(minutes=15)
"""Whoever was writing blobs when they were given up has given up itself after this."""


def doom(session: Session, prefix: str, *, after: timedelta, again_after: timedelta) -> None:
    """Have all below a prefix deleted once `after` has passed, and for the last time after `again_after`, for late writers."""
    now = func.clock_timestamp()
    row = insert(DoomedBlobs).values(prefix=prefix, not_before=now + after, last_delete_at=now + again_after)
    session.execute(row.on_conflict_do_update(index_elements=["prefix"], set_={"not_before": row.excluded.not_before}))


def spare(session: Session, prefix: str) -> bool:
    """Take a prefix off the list; False if it is not there, or somebody has begun to delete what is below it."""
    query = delete(DoomedBlobs).where(DoomedBlobs.prefix == prefix, DoomedBlobs.deleted_at.is_(None))
    return session.execute(query.returning(DoomedBlobs.prefix)).first() is not None


def take(session: Session, *, prefix: str) -> bool:
    """Decide that it will be deleted, before anything is: from the commit on nobody can spare it. Waits for whoever is about to.

    False if it is not on the list, since it was spared or deleted.
    """
    query = update(DoomedBlobs).where(DoomedBlobs.prefix == prefix).values(deleted_at=func.clock_timestamp())
    return session.execute(query.returning(DoomedBlobs.prefix)).first() is not None


def forget(session: Session, *, prefix: str) -> None:
    """Nothing is left below it, and nobody writes there any more."""
    session.execute(delete(DoomedBlobs).where(DoomedBlobs.prefix == prefix))


def due(session: Session) -> list[str]:
    """Prefixes to delete, those never deleted first: each again and again until its last time has passed."""
    query = select(DoomedBlobs.prefix).where(DoomedBlobs.not_before <= func.clock_timestamp())
    return list(session.scalars(query.order_by(DoomedBlobs.deleted_at.nulls_first()).limit(100)))


def deleted(session: Session, *, prefix: str) -> None:
    """Note a deletion that happened; forget the prefix after the last one."""
    now = func.clock_timestamp()
    session.execute(update(DoomedBlobs).where(DoomedBlobs.prefix == prefix).values(deleted_at=now))
    session.execute(delete(DoomedBlobs).where(DoomedBlobs.prefix == prefix, DoomedBlobs.last_delete_at <= now))
