"""How an upload begins: what its headers want, checked before anything is stored."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.containers import media_type
from core.errors import TooLarge, Unprocessable
from core.queue import FETCH
from core.settings import Settings
from db import quotas, uploads
from db.models import Upload
from services.api import intent
from services.api.context import Parts
from services.api.door import Caller
from services.api.intent import Intent
from services.api.tus import finishing, headers
from services.api.tus.receiving import Keep


@dataclass(frozen=True, slots=True)
class Wanted:
    """`partials`: the uploads that it is to be made of. `intent`: null for a piece of a video. `length`: null if it is told later."""

    length: int | None
    header: str | None
    concat: str | None
    partials: list[UUID] | None
    intent: Intent | None

    @classmethod
    def of(cls, parts: Parts, *, length: int | None, deferred: bool, metadata: str | None, concat: str | None) -> "Wanted":
        """Raises `RequestValidationError`, `Unprocessable`, `TooLarge`, and what `intent.checked` raises."""
        partials = headers.partials_of(concat) if concat is not None else None
        if partials and (length is not None or deferred):
            raise Unprocessable("An upload that is made of others is as long as they are: leave the header out.", field="upload-length")
        if not partials and deferred == (length is not None):
            raise Unprocessable("Send Upload-Length, or `Upload-Defer-Length: 1` to tell it later.", field="upload-length")
        _ensure_taken(parts.settings, length)
        is_piece = concat is not None and not partials
        told = headers.fields_of(metadata)
        return cls(length, metadata, concat, partials, None if is_piece else intent.checked(parts, told))


def new_length(parts: Parts, upload: Upload, told: int | None) -> int | None:
    """The length that a request tells of an upload that had none; None: it had one, or has none yet."""
    if told is None or told == upload.length:
        return None
    if upload.length is not None or told < upload.offset:
        raise Unprocessable("The upload has another length already, or more bytes than that.", field="upload-length")
    _ensure_taken(parts.settings, told)
    return told


def _ensure_taken(settings: Settings, length: int | None) -> None:
    limit = settings.max_upload_bytes
    if length is not None and length > limit:
        raise TooLarge.than(limit)


def create(parts: Parts, caller: Caller, wanted: Wanted, keep: Keep | None) -> Upload:
    """The upload, empty; or whole, if it is made of others: then it raises what `finishing.partials` and `join` raise, and `NotAVideo`."""
    told: dict[str, Any] = {
        "header": wanted.header,
        "concat": wanted.concat,
        "intent": wanted.intent.model_dump(mode="json", exclude_unset=True) if wanted.intent else None,
    }
    if wanted.partials:
        return _join(parts, caller, wanted.partials, told, keep)
    role = "video" if wanted.intent else "partial"
    with parts.sessions.begin() as session:
        # What no quota leaves room for is refused before it is sent; it counts once it is whole.
        quotas.ensure_left(session, caller.key_id, "uploads", limit=caller.max_uploads_a_day)
        quotas.ensure_left(session, caller.key_id, "jobs", limit=caller.max_jobs_a_day)
        quotas.ensure_room(session, caller.workspace_id, parts.settings, more=wanted.length or 1)
        kept = parts.settings.uploads_kept
        upload = uploads.create(session, caller.workspace_id, kept=kept, role=role, length=wanted.length, **told)
        if keep:
            keep(session, upload)
    return upload


def _join(parts: Parts, caller: Caller, ids: list[UUID], told: dict[str, Any], keep: Keep | None) -> Upload:
    with parts.sessions.begin() as session:
        found = finishing.partials(session, caller.workspace_id, ids, limit=parts.settings.max_upload_bytes)
        if before := finishing.joined_before(session, found):
            if keep:
                keep(session, before)
            return before
    kind = media_type(finishing.head(parts, *found))
    with parts.sessions.begin() as session:
        upload, fetch = finishing.join(session, parts.settings, found, by=caller, media_type=kind, **told)
        if keep:
            keep(session, upload)
    if fetch:
        parts.ring(FETCH, fetch.id)
    return upload
