"""Uploads: bytes that arrive in pieces. Which of them are there, and what becomes of them.

A piece is stored first, under a name of its own, and counts by its row, which is written only while the upload's offset is where the piece
begins: so whoever writes late, or twice, changes nothing. All that was stored of an upload goes with its row.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from core.blobs import upload_prefix
from core.errors import Gone, NotFound
from db import doomed
from db.models import Job, Upload, UploadPart


class Piece(NamedTuple):
    """Bytes that are stored, and where."""

    size: int
    blob_key: str


def create(session: Session, workspace_id: UUID, *, kept: timedelta, **values: Any) -> Upload:
    """A new upload, that is forgotten when nothing has come for it so long."""
    upload = Upload(workspace_id=workspace_id, expires_at=func.clock_timestamp() + kept, **values)
    session.add(upload)
    session.flush()
    session.refresh(upload)
    return upload


def get(session: Session, workspace_id: UUID, upload_id: UUID) -> Upload:
    """Raises `NotFound`, also for another workspace's upload and for one that nobody sends; and `Gone` for one that expired."""
    query = select(Upload, Upload.expires_at <= func.clock_timestamp())
    row = session.execute(query.where(Upload.id == upload_id, Upload.workspace_id == workspace_id, Upload.role != "fetched")).one_or_none()
    if row is None:
        raise NotFound(f"There is no upload {upload_id}.")
    upload, expired = row
    if expired:
        raise Gone(f"The upload {upload_id} was ended, or nothing came for it for too long.")
    return upload


def pieces(session: Session, upload_id: UUID) -> list[Piece]:
    """What counts of an upload, in order."""
    rows = session.scalars(select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.start))
    return [Piece(row.bytes, row.blob_key) for row in rows]


def count(session: Session, upload_id: UUID, *, at: int, added: Sequence[Piece], kept: timedelta, **values: Any) -> Upload | None:
    """Have pieces count that are stored, from the offset `at` on; and change what else is told of the upload. The upload as it is then.

    None: its offset is another, or it is not open any more. Safe to run twice.
    """
    now = func.clock_timestamp()
    moved = session.scalars(
        update(Upload)
        .where(Upload.id == upload_id, Upload.offset == at, Upload.state == "open", Upload.expires_at > now)
        .values(offset=at + sum(piece.size for piece in added), expires_at=now + kept, **values)
        .returning(Upload)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if moved is None:
        there = session.get(UploadPart, (upload_id, at))
        return session.get(Upload, upload_id) if there and added and there.blob_key == added[0].blob_key else None
    start = at
    for piece in added:
        session.add(UploadPart(upload_id=upload_id, start=start, bytes=piece.size, blob_key=piece.blob_key))
        start += piece.size
    session.flush()
    return moved


def start_over(session: Session, upload_id: UUID) -> list[str]:
    """Let none of its bytes count; the keys of their blobs, to be deleted after the commit."""
    session.execute(update(Upload).where(Upload.id == upload_id).values(offset=0))
    return list(session.scalars(delete(UploadPart).where(UploadPart.upload_id == upload_id).returning(UploadPart.blob_key)))


def end(session: Session, upload: Upload) -> None:
    """Nobody sees it any more, and nothing counts that still comes for it. The sweeper deletes it, once nobody needs its bytes."""
    session.execute(update(Upload).where(Upload.id == upload.id).values(expires_at=func.clock_timestamp()))


def done(session: Session, upload_id: UUID) -> None:
    """Its bytes are elsewhere: those here are deleted, and those of the uploads that it was made of."""
    session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
    joined = update(Upload).where(or_(Upload.id == upload_id, Upload.final_id == upload_id)).values(state="done").returning(Upload.id)
    _doom(session, session.scalars(joined))


def doom_of_video(session: Session, video_id: UUID) -> None:
    """The video is about to be deleted, and its uploads with it."""
    _doom(session, session.scalars(select(Upload.id).where(Upload.video_id == video_id)))


def expire(session: Session) -> None:
    """Delete uploads for which nothing has come for too long, but for those that a job is about to use."""
    late = select(Upload.id).where(Upload.expires_at <= func.clock_timestamp(), ~_in_use()).limit(100).with_for_update(skip_locked=True)
    _doom(session, session.scalars(delete(Upload).where(Upload.id.in_(late.scalar_subquery())).returning(Upload.id)))


def _in_use() -> ColumnElement[bool]:
    return exists().where(Job.id == Upload.job_id, Job.completed_at.is_(None))


def _doom(session: Session, upload_ids: Sequence[UUID] | Any) -> None:
    for upload_id in list(upload_ids):
        doomed.doom(session, upload_prefix(upload_id), after=timedelta(0), again_after=doomed.WRITTEN_WITHIN)
