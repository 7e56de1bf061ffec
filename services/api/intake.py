"""How a video comes in: straight from the request into the object storage, hashed and counted as it passes, never whole in memory and
never in a file between. Only then one transaction writes the video and its job.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from uuid_utils.compat import uuid7

from core.blobs import source_key, video_prefix
from core.containers import HEADER_BYTES, media_type
from core.errors import Conflict, EmptyUpload, Rejected, TooLarge, Unavailable, WrongType
from core.queue import PLAN
from db import doomed, quotas
from db.models import Job, Video
from services.api import asking, fingerprints, intent
from services.api.bodies import drain
from services.api.context import Parts
from services.api.door import Caller
from services.api.intent import Intent
from services.api.multipart import FilePart, parts_of
from services.api.once import Once

log = structlog.get_logger(__name__)

A = TypeVar("A", bound=BaseModel)

Answering = Callable[[Video, Job], A]
"""Makes the answer; in the transaction, so that it is kept with what it tells of."""


async def take_in(parts: Parts, caller: Caller, once: Once, request: Request, query: Mapping[str, Any], answering: Answering[A]) -> A:
    """Store the video of a request, queue its first job, and give the answer.

    Its blob is doomed before the first byte of it, and spared in the transaction that makes it a video: if this process is killed in
    between, the sweeper deletes what came. What was answered before is read to its end, to know that it is the same, and stored nowhere.

    Raises `RequestValidationError`, `Rejected` (empty, too large, not a video, JSON), `BlobsUnavailable`, `DatabaseUnavailable`; in each
    case nothing is left behind.
    """
    video_id, body = uuid7(), once.arriving(request.stream())
    try:
        if once.is_answered:
            await _read(parts, once, request, body, query, _nowhere())
        await run_in_threadpool(_doom, parts, caller, video_id, request.headers.get("content-length"))
        async with _cleaned_up(parts, video_id):
            asked, blob = await _read(parts, once, request, body, query, parts.blobs.writer(source_key(video_id)))
            return await run_in_threadpool(_commit, parts, caller, once, video_id, asked, blob, answering)
    except (Rejected, RequestValidationError):
        await drain(body)
        raise


class _Blob(BaseModel):
    sha256: str
    bytes: int
    media_type: str


class _Writable(Protocol):
    async def write(self, data: bytes, /) -> Any: ...


_Target = AbstractAsyncContextManager[_Writable]


class _Nowhere:
    async def write(self, data: bytes, /) -> None:
        pass


def _nowhere() -> _Target:
    return nullcontext(_Nowhere())


async def _read(
    parts: Parts, once: Once, request: Request, body: AsyncIterator[bytes], query: Mapping[str, Any], target: _Target
) -> tuple[Intent, _Blob]:
    """Write the video to the target. Raises `Replay` at its end if it was answered before."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _from_form(parts, once, request, body, query, target)
    asked = intent.checked(parts, query)
    blob = await _store(parts, body, target, declared=request.headers.get("content-length"))
    once.sent(bytes.fromhex(blob.sha256), size=blob.bytes)
    return asked, blob


async def _from_form(
    parts: Parts, once: Once, request: Request, body: AsyncIterator[bytes], query: Mapping[str, Any], target: _Target
) -> tuple[Intent, _Blob]:
    """The fields may come before the file (then they are checked before it is stored) and after it."""
    form, filename, blob = dict[str, str | None](), dict[str, str | None](), None
    async for part in parts_of(request.headers["content-type"], body, files={"file"}, max_field_bytes=parts.settings.max_request_bytes):
        if not isinstance(part, FilePart):
            if (wrong := _wrong(part.name, form)) is not None:
                raise RequestValidationError([{"loc": ("form", part.name), **wrong}])
            form[part.name] = part.value
        elif part.name == "file" and blob is None:
            filename = {"filename": part.filename}
            intent.checked(parts, {**filename, **query, **form})
            blob = await _store(parts, part.chunks, target, declared=None)
        else:
            raise RequestValidationError([{"loc": ("form", part.name), "msg": "send one file, named `file`", "type": "value_error"}])
    asked = intent.checked(parts, {**filename, **query, **form})
    if blob is None:
        raise RequestValidationError([{"loc": ("form", "file"), "msg": "the form has no part named `file`", "type": "missing"}])
    once.sent(fingerprints.of_form({**filename, **form}, file_sha256=blob.sha256))
    return asked, blob


def _wrong(field: str, form: Mapping[str, str | None]) -> dict[str, str] | None:
    """With a field that comes after those of the form: as pydantic has it. None: nothing."""
    if field == "url":
        return {"type": "value_error", "msg": "is not sent in a form: send JSON, with `Content-Type: application/json`"}
    if field not in Intent.model_fields:
        return {"type": "extra_forbidden", "msg": ""}
    return {"type": "value_error", "msg": "is given twice"} if field in form else None


async def _store(parts: Parts, chunks: AsyncIterator[bytes], target: _Target, *, declared: str | None) -> _Blob:
    limit = parts.settings.max_upload_bytes
    too_large = TooLarge.than(limit)
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large
    digest, size, head, kind = hashlib.sha256(), 0, b"", None
    async with target as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise too_large
            digest.update(chunk)
            if kind is None:
                head += chunk
                if len(head) < HEADER_BYTES:
                    continue
                kind = _kind(head)
                await file.write(head)
            else:
                await file.write(chunk)
        if size == 0:
            raise EmptyUpload("There was nothing in it; send the bytes of a video.")
        if kind is None:
            kind = _kind(head)
            await file.write(head)
    return _Blob(sha256=digest.hexdigest(), bytes=size, media_type=kind)


def _kind(head: bytes) -> str:
    """The media type of what begins like this. Raises `NotAVideo`; `WrongType` for what comes instead of a video, as `curl -d` sends it."""
    if head.lstrip().startswith(b"{"):
        raise WrongType("This is JSON. If it has the `url` of a video, say what it is: `Content-Type: application/json`.")
    return media_type(head)


def _commit(parts: Parts, caller: Caller, once: Once, video_id: UUID, asked: Intent, blob: _Blob, answering: Answering[A]) -> A:
    with parts.sessions.begin() as session:
        if not doomed.spare(session, video_prefix(video_id)):
            raise Conflict(f"The upload took longer than {parts.settings.max_upload_time} (PLAYHEAD_MAX_UPLOAD_TIME).")
        quotas.spend(session, caller.key_id, "uploads", limit=caller.max_uploads_a_day)
        video = asked.video(caller.workspace_id, video_id, **blob.model_dump())
        session.add(video)
        session.flush()
        session.refresh(video)
        job, plan = asking.submit(session, video, asked.request, parts.settings, by=caller)
        quotas.ensure_room(session, caller.workspace_id, parts.settings)
        answer = once.keep(session, answering(video, job))
    parts.ring(PLAN, plan.id)
    return answer


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
