"""`/v1/uploads`: bring a video in over a network that breaks off."""

from collections.abc import AsyncIterable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from core.errors import FinalUpload, NotAVideo, OffsetMismatch, Rejected, TusVersion, WrongType
from db import jobs, uploads
from db.models import Upload
from services.api import problems
from services.api.bodies import drain
from services.api.context import Parts, Reader, WithParts, Writer
from services.api.document import BINARY
from services.api.door import Caller
from services.api.jobs import outs
from services.api.known import KnownRoute
from services.api.once import Streamed
from services.api.tus import creating, headers
from services.api.tus.headers import LARGEST, Checksum
from services.api.tus.receiving import Hashed, Keep, Receiver
from services.api.tus.resource import UploadOut
from services.api.videos import get_video

router = APIRouter(prefix=headers.PREFIX, tags=["uploads"], route_class=KnownRoute)

Size = Annotated[int | None, Header(ge=1, le=LARGEST)]
Offset = Annotated[int, Header(ge=0, le=LARGEST)]
Told = Annotated[str | None, Header()]


async def tus_writer(caller: Writer, request: Request) -> Caller:
    """Raises `TusVersion` for whoever does not say that they speak this one."""
    if request.headers.get("tus-resumable") != headers.VERSION:
        raise TusVersion(f"Send `Tus-Resumable: {headers.VERSION}`; this server speaks no other version.")
    return caller


TusWriter = Annotated[Caller, Depends(tus_writer)]


def _problem(status: int, text: str) -> dict[int | str, dict[str, Any]]:
    return {status: {**problems.RESPONSES[422], "description": text}}


VERSION: dict[str, Any] = {
    "parameters": [{"name": "Tus-Resumable", "in": "header", "required": True, "schema": {"type": "string", "enum": [headers.VERSION]}}]
}
BODY: dict[str, Any] = {**VERSION, "requestBody": {"required": True, "content": {headers.BODY: {"schema": BINARY}}}}
REFUSED = _problem(412, "The request speaks another version of tus, or none.")
UNCOUNTED = (
    REFUSED
    | _problem(400, "The checksum is of a kind that is not known here.")
    | _problem(415, f"Bytes must come as `{headers.BODY}`.")
    | _problem(460, "The bytes do not add up to the checksum; none of them count.")
)


TOLD: dict[str, Any] = {name: {} for name in ("Upload-Offset", "Upload-Expires", headers.VIDEO, headers.JOB)}
ALL_TOLD: dict[str, Any] = TOLD | {name: {} for name in ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat")}


@router.options("", status_code=204, response_description="What is spoken here.", include_in_schema=False)
async def tell_tus(parts: WithParts) -> Response:
    """What of tus is spoken here."""
    said = {
        "Tus-Version": headers.VERSION,
        "Tus-Extension": ",".join(headers.EXTENSIONS),
        "Tus-Max-Size": str(parts.settings.max_upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(headers.ALGORITHMS),
    }
    return Response(status_code=204, headers=said)


@router.post(
    "",
    status_code=201,
    response_class=Response,
    response_description="It is there, and empty; or as far as the body went.",
    openapi_extra={**BODY, "requestBody": {**BODY["requestBody"], "required": False}},
    responses={**UNCOUNTED, 201: {"headers": {"Location": {}, **TOLD}}},
)
async def create_upload(
    request: Request,
    response: Response,
    parts: WithParts,
    caller: TusWriter,
    once: Streamed,
    upload_length: Size = None,
    upload_defer_length: Annotated[Literal["1"] | None, Header()] = None,
    upload_metadata: Told = None,
    upload_concat: Told = None,
    upload_checksum: Told = None,
) -> None:
    """Begin a resumable upload, as [tus](https://tus.io) 1.0.0 has it: any client that speaks it will do.

    `Upload-Metadata` says what the fields of a form say elsewhere: `request`, `title`, `custom_id`, `recorded_at`, `metadata`, `filename`.
    Video and job are made when the last byte is there. A body is the upload's beginning.
    """
    body = Hashed(once.arriving(request.stream()))
    if once.is_answered:
        once.sent(await body.rest())
    wanted = creating.Wanted.of(
        parts, length=upload_length, deferred=upload_defer_length == "1", metadata=upload_metadata, concat=upload_concat
    )
    checksum = Checksum(upload_checksum) if upload_checksum else None
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers

    def keep(session: Session, upload: Upload) -> None:
        response.headers.update({"Location": headers.address(upload.id), **headers.of(upload)})
        once.sent(body.digest)
        once.keep(session, None)

    if not has_body or wanted.partials:
        await run_in_threadpool(creating.create, parts, caller, wanted, keep)
        return
    _ensure_bytes(request)
    upload = await run_in_threadpool(creating.create, parts, caller, wanted, None)
    try:
        await _bring_on(parts, caller, upload, request, body, checksum=checksum, length=None, keep=keep)
    except BaseException:  # its sender will never hear its address
        await run_in_threadpool(_end, parts, upload)
        raise


@router.head(
    "/{upload_id}",
    response_class=Response,
    response_description="It is there.",
    openapi_extra=VERSION,
    responses={**REFUSED, 200: {"headers": ALL_TOLD}},
)
def tell_offset(parts: WithParts, caller: TusWriter, upload_id: UUID) -> Response:
    """How far an upload is, in the headers of tus."""
    with parts.sessions.begin() as session:
        upload = uploads.get(session, caller.workspace_id, upload_id)
    return Response(headers=headers.all_of(upload))


@router.get("/{upload_id}")
def get_upload(parts: WithParts, caller: Reader, upload_id: UUID) -> UploadOut:
    """How far an upload is, and what became of it. `HEAD` tells it in the headers of tus."""
    with parts.sessions.begin() as session:
        upload = uploads.get(session, caller.workspace_id, upload_id)
        [job] = outs(session, [jobs.get(session, caller.workspace_id, upload.job_id)]) if upload.job_id else [None]
    video = get_video(parts, caller, upload.video_id) if upload.video_id else None
    return UploadOut.of(upload, video, job)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_description="The bytes are there.",
    openapi_extra=BODY,
    responses={**UNCOUNTED, 204: {"headers": TOLD}},
)
async def append_to_upload(
    request: Request,
    parts: WithParts,
    caller: TusWriter,
    upload_id: UUID,
    upload_offset: Offset,
    upload_length: Size = None,
    upload_checksum: Told = None,
) -> Response:
    """Bring an upload on: the body are the bytes from `Upload-Offset` on, which must be where it ended. Ask for that (`HEAD`) after every
    error. With the last byte the answer names the video and the job.
    """
    upload = await run_in_threadpool(_find, parts, caller, upload_id)
    _ensure_bytes(request)
    checksum = Checksum(upload_checksum) if upload_checksum else None
    if upload.offset != upload_offset:
        raise OffsetMismatch(f"The upload is at {upload.offset}, not at {upload_offset}; go on from there.", offset=upload.offset)
    length = creating.new_length(parts, upload, upload_length)
    upload = await _bring_on(parts, caller, upload, request, request.stream(), checksum=checksum, length=length)
    return Response(status_code=204, headers=headers.of(upload))


@router.delete("/{upload_id}", status_code=204, response_description="It is deleted.", openapi_extra=VERSION, responses=REFUSED)
def delete_upload(parts: WithParts, caller: TusWriter, upload_id: UUID) -> Response:
    """Give an upload up. What became a video stays one."""

    with parts.sessions.begin() as session:
        uploads.end(session, uploads.get(session, caller.workspace_id, upload_id))
    return Response(status_code=204)


def _find(parts: Parts, caller: Caller, upload_id: UUID) -> Upload:
    with parts.sessions.begin() as session:
        upload = uploads.get(session, caller.workspace_id, upload_id)
    if upload.role == "final":
        raise FinalUpload("The upload is made of others, and takes no bytes of its own.")
    return upload


def _ensure_bytes(request: Request) -> None:
    if request.headers.get("content-type", "").lower() != headers.BODY:
        raise WrongType(f"Send the bytes as `Content-Type: {headers.BODY}`.")


async def _bring_on(
    parts: Parts,
    caller: Caller,
    upload: Upload,
    request: Request,
    body: AsyncIterable[bytes],
    *,
    checksum: Checksum | None,
    length: int | None,
    keep: Keep | None = None,
) -> Upload:
    """Take the body in. What is no video is given up."""
    declared = request.headers.get("content-length", "")
    receiver = Receiver(parts, upload, by=caller, checksum=checksum, length=length)
    try:
        return await receiver.take(body, declared=int(declared) if declared.isdigit() else 0, keep=keep)
    except Rejected as error:
        if isinstance(error, NotAVideo):
            await run_in_threadpool(_end, parts, upload)
        await drain(body)
        raise


def _end(parts: Parts, upload: Upload) -> None:
    with parts.sessions.begin() as session:
        uploads.end(session, upload)
