"""What becomes of an upload that is whole: a video, or a piece of one."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from core.containers import HEADER_BYTES
from core.errors import Conflict, TooLarge, Unprocessable
from core.settings import Settings
from db import quotas, uploads
from db.models import Fetch, Upload, UploadPart
from services.api import asking
from services.api.context import Parts
from services.api.door import Caller
from services.api.intent import Intent
from services.api.tus.headers import partials_of

TAKEN = "One of the uploads is part of another one already, or was deleted."


def finish(session: Session, settings: Settings, upload: Upload, *, by: Caller) -> Fetch | None:
    """All bytes of an upload are there: its video and its job, and the work of bringing the bytes in, to be rung for after the commit. None
    for a piece, which waits for the others. Raises `QuotaExceeded` and `WorkspaceFull`; then it may be tried again later.
    """
    upload.state = "whole"
    if upload.role == "partial":
        return None
    intent = Intent.model_validate(upload.intent)
    video = intent.video(upload.workspace_id, uuid7())
    session.add(video)
    session.flush()
    job, fetch = asking.expect(session, video, intent.request, settings, by=by, upload_id=upload.id, bytes_total=upload.length)
    quotas.ensure_room(session, upload.workspace_id, settings)
    upload.video_id, upload.job_id = video.id, job.id
    session.flush()
    return fetch


def partials(session: Session, workspace_id: UUID, ids: list[UUID], *, limit: int) -> list[Upload]:
    """The uploads to be joined, in that order. Raises `NotFound`, `Gone`, `Unprocessable`, `Conflict` for one that is not whole, and
    `TooLarge` for what they add up to.
    """
    found = [uploads.get(session, workspace_id, upload_id) for upload_id in ids]
    for upload in found:
        if upload.role != "partial":
            raise Unprocessable(f"The upload {upload.id} is not a partial one.", field="upload-concat")
        if upload.state == "open":
            raise Conflict(f"The upload {upload.id} is not whole yet.")
    if sum(upload.offset for upload in found) > limit:
        raise TooLarge.than(limit)
    return found


def joined_before(session: Session, found: list[Upload]) -> Upload | None:
    """The upload that these very ones were joined to, where the answer got lost. Raises `Conflict` where one of them belongs to another."""
    if all(upload.state == "whole" for upload in found):
        return None
    final = session.get(Upload, found[0].final_id) if found[0].final_id else None
    if final and final.concat and partials_of(final.concat) == [upload.id for upload in found]:
        return final
    raise Conflict(TAKEN)


def join(session: Session, settings: Settings, found: list[Upload], *, by: Caller, **values: Any) -> tuple[Upload, Fetch | None]:
    """One upload out of whole partial ones: their pieces become its pieces. Raises `Conflict` where one of them belongs to another."""
    ids = [upload.id for upload in found]
    locked = session.scalars(select(Upload).where(Upload.id.in_(ids)).order_by(Upload.id).with_for_update()).all()
    if len(locked) < len(ids) or any(upload.state != "whole" for upload in locked):
        raise Conflict(TAKEN)
    size = sum(upload.offset for upload in found)
    kept = settings.uploads_kept
    final = uploads.create(session, found[0].workspace_id, kept=kept, role="final", length=size, offset=size, **values)
    start = 0
    for upload in found:
        moved = {"upload_id": final.id, "start": UploadPart.start + start}
        session.execute(update(UploadPart).where(UploadPart.upload_id == upload.id).values(moved))
        start += upload.offset
    theirs = update(Upload).where(Upload.id.in_(ids))
    session.execute(theirs.values(state="done", final_id=final.id, expires_at=final.expires_at))
    fetch = finish(session, settings, final, by=by)
    session.execute(theirs.values(video_id=final.video_id, job_id=final.job_id))
    return final, fetch


def head(parts: Parts, *found: Upload) -> bytes:
    """The first bytes of uploads, one after the other: as many as tell what it is, or all."""
    with parts.sessions.begin() as session:
        pieces = [piece for upload in found for piece in uploads.pieces(session, upload.id)]
    told = b""
    for piece in pieces:
        if len(told) >= HEADER_BYTES:
            break
        told += b"".join(parts.blobs.stream(piece.blob_key, start=0, end=min(piece.size, HEADER_BYTES - len(told))))
    return told
