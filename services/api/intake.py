"""How a video comes in: straight from the request into the object storage, hashed and counted as it passes, never whole in memory and
never in a file between. Only then one transaction writes the video and its job.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from uuid_utils.compat import uuid7

from core.blobs import source_key, video_prefix
from core.errors import Conflict, EmptyUpload, Rejected, TooLarge, Unavailable
from core.queue import PLAN
from core.request import JobRequest, Text
from db import doomed, quotas
from db.models import Job, Video
from services.api import asking
from services.api.context import Caller, Parts
from services.api.multipart import FilePart, parts_of
from services.api.sniffing import HEAD_BYTES, media_type
from services.api.times import WallClock

log = structlog.get_logger(__name__)

MAX_DEPTH = 32

DRAIN_S = 2.0
DRAIN_BYTES = 16 * 1024**2
"""How much of a refused body is still read, so that the client, which is busy sending, gets to see the answer."""


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError("must be JSON") from error


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """What Postgres's jsonb can hold, and every reader can follow."""
    for leaf in _leaves(value, MAX_DEPTH):
        if (isinstance(leaf, str) and "\x00" in leaf) or (isinstance(leaf, float) and not math.isfinite(leaf)):
            raise ValueError("must hold no NUL and no number beyond all bounds")
    return value


def _leaves(value: object, depth: int) -> Iterator[object]:
    """Keys and values. Raises ValueError for what is nested deeper, or is no text."""
    if depth < 0:
        raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be Unicode text, without halves of surrogate pairs")
    if not children:
        yield value
    for child in children:
        yield from _leaves(child, depth - 1)


def _plausible(value: datetime) -> datetime:
    """Wall-clock times of events are counted from it, and Python's years end at 9999."""
    if not 1900 <= value.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return value.astimezone(UTC)


class Intent(BaseModel):
    """What comes with a video, from the form or from the query."""

    model_config = ConfigDict(extra="forbid")

    request: Annotated[JobRequest, BeforeValidator(_parsed)] = Field(default_factory=JobRequest)
    title: Text | None = Field(None, max_length=500)
    custom_id: Text | None = Field(None, max_length=200)
    recorded_at: Annotated[WallClock, AfterValidator(_plausible)] | None = None
    metadata: Annotated[dict[str, Any], BeforeValidator(_parsed), AfterValidator(_storable)] = Field(default_factory=dict)
    filename: Text | None = Field(None, max_length=500)


def _intent(parts: Parts, fields: Mapping[str, Any]) -> Intent:
    try:
        intent = Intent.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("form", *one["loc"])} for one in error.errors(include_url=False, include_context=False)]
        ) from error
    intent.request.resolved(parts.settings)  # what can't be done is refused before anything is stored
    return intent


async def take_in(parts: Parts, caller: Caller, request: Request, query: Mapping[str, Any]) -> tuple[Video, Job]:
    """Store the video of a request and queue its first job.

    Its blob is doomed before the first byte of it, and spared in the transaction that makes it a video: if this process is killed in
    between, the sweeper deletes what came.

    Raises `RequestValidationError`, `Rejected` (empty, too large, not a video), `BlobsUnavailable`, `DatabaseUnavailable`; in each
    case nothing is left behind.
    """
    video_id, body = uuid7(), request.stream()
    await run_in_threadpool(_doom, parts, caller, video_id, request.headers.get("content-length"))
    try:
        async with _cleaned_up(parts, video_id):
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                intent, blob = await _from_form(parts, request, body, query, video_id)
            else:
                intent = _intent(parts, query)
                blob = await _store(parts, video_id, body, declared=request.headers.get("content-length"))
            return await run_in_threadpool(_commit, parts, caller, video_id, intent, blob)
    except (Rejected, RequestValidationError):
        await _drain(body)
        raise


class _Blob(BaseModel):
    sha256: str
    bytes: int
    media_type: str


async def _from_form(
    parts: Parts, request: Request, body: AsyncIterator[bytes], query: Mapping[str, Any], video_id: UUID
) -> tuple[Intent, _Blob]:
    """The fields may come before the file (then they are checked before it is stored) and after it."""
    fields, form, blob = dict(query), set[str](), None
    async for part in parts_of(request.headers["content-type"], body, files={"file"}, max_field_bytes=parts.settings.max_request_bytes):
        if not isinstance(part, FilePart):
            if part.name not in Intent.model_fields or part.name in form:
                raise RequestValidationError([{"loc": ("form", part.name), "msg": "is unknown, or given twice", "type": "value_error"}])
            form.add(part.name)
            fields[part.name] = part.value
        elif part.name == "file" and blob is None:
            fields.setdefault("filename", part.filename)
            _intent(parts, fields)
            blob = await _store(parts, video_id, part.chunks, declared=None)
        else:
            raise RequestValidationError([{"loc": ("form", part.name), "msg": "send one file, named `file`", "type": "value_error"}])
    intent = _intent(parts, fields)
    if blob is None:
        raise RequestValidationError([{"loc": ("form", "file"), "msg": "the form has no part named `file`", "type": "missing"}])
    return intent, blob


async def _store(parts: Parts, video_id: UUID, chunks: AsyncIterator[bytes], *, declared: str | None) -> _Blob:
    limit = parts.settings.max_upload_bytes
    too_large = TooLarge(
        f"The video is larger than the {limit} bytes that this server takes (PLAYHEAD_MAX_UPLOAD_BYTES).", limit_bytes=limit
    )
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large
    digest, size, head, kind = hashlib.sha256(), 0, b"", None
    async with parts.blobs.writer(source_key(video_id)) as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise too_large
            digest.update(chunk)
            if kind is None:
                head += chunk
                if len(head) < HEAD_BYTES:
                    continue
                kind = media_type(head)
                await file.write(head)
            else:
                await file.write(chunk)
        if size == 0:
            raise EmptyUpload("There was nothing in it; send the bytes of a video.")
        if kind is None:
            kind = media_type(head)
            await file.write(head)
    return _Blob(sha256=digest.hexdigest(), bytes=size, media_type=kind)


def _commit(parts: Parts, caller: Caller, video_id: UUID, intent: Intent, blob: _Blob) -> tuple[Video, Job]:
    with parts.sessions.begin() as session:
        if not doomed.spare(session, video_prefix(video_id)):
            raise Conflict(f"The upload took longer than {parts.settings.max_upload_time} (PLAYHEAD_MAX_UPLOAD_TIME).")
        quotas.spend(session, caller.key_id, "uploads", limit=caller.max_uploads_a_day)
        video = Video(
            id=video_id,
            workspace_id=caller.workspace_id,
            blob_key=source_key(video_id),
            filename=intent.filename,
            title=intent.title,
            custom_id=intent.custom_id,
            meta=intent.metadata,
            recorded_at=intent.recorded_at,
            **blob.model_dump(),
        )
        session.add(video)
        session.flush()
        session.refresh(video)
        job, plan = asking.submit(session, video, intent.request, parts.settings, by=caller)
        quotas.ensure_room(session, caller.workspace_id, parts.settings)
    parts.ring(PLAN, plan.id)
    return video, job


@asynccontextmanager
async def _cleaned_up(parts: Parts, video_id: UUID) -> AsyncIterator[None]:
    """Delete the blob if the video is not to be."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, ClientDisconnect):
            log.info("upload.broken_off", video_id=str(video_id))
        await run_in_threadpool(_clean_up, parts, video_id)
        raise


def _doom(parts: Parts, caller: Caller, video_id: UUID, declared: str | None) -> None:
    """What no quota leaves room for is refused before it is read; the rest counts once it is there."""
    last = parts.settings.max_upload_time
    with parts.sessions.begin() as session:
        quotas.ensure_left(session, caller.key_id, "uploads", limit=caller.max_uploads_a_day)
        quotas.ensure_left(session, caller.key_id, "jobs", limit=caller.max_jobs_a_day)
        more = int(declared) if declared and declared.isdigit() else 1
        quotas.ensure_room(session, caller.workspace_id, parts.settings, more=more)
        doomed.doom(session, video_prefix(video_id), after=last, again_after=last)


def _clean_up(parts: Parts, video_id: UUID) -> None:
    """A commit whose answer got lost may have happened, and one that is on its way still may. Both take the prefix off the list of what is
    doomed, so whoever has that row first decides; where nobody has it any more, either the video is there or it never will be.
    """
    prefix = video_prefix(video_id)
    try:
        with parts.sessions.begin() as session:
            given_up = doomed.take(session, prefix=prefix) or session.get(Video, video_id) is None
        if given_up:
            parts.blobs.delete_prefix(prefix)
            with parts.sessions.begin() as session:
                doomed.forget(session, prefix=prefix)
    except Unavailable as error:
        log.warning("upload.left_behind", video_id=str(video_id), error=error.as_dict())


async def _drain(body: AsyncIterator[bytes]) -> None:
    rest = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_S):
            async for chunk in body:
                rest -= len(chunk)
                if rest < 0:
                    return
    except (ClientDisconnect, RuntimeError, TimeoutError):
        return
