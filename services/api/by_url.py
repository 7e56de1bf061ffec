"""How a video comes in that lies somewhere else: written down with its job, for a worker to fetch."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from uuid_utils.compat import uuid7

from core import addresses
from core.errors import TooLarge
from core.queue import FETCH
from core.request import Text
from db import quotas
from services.api import asking, fingerprints, intent
from services.api.context import Parts
from services.api.door import Caller
from services.api.intake import A, Answering
from services.api.intent import Intent
from services.api.once import Once

MEDIA_TYPE = "application/json"
FILENAME_LENGTH = 500


class Remote(Intent):
    """What comes with a URL."""

    url: Text = Field(min_length=1, max_length=addresses.URL_MAX_LENGTH)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": "string",
            "format": "uri",
            "minLength": 1,
            "maxLength": addresses.URL_MAX_LENGTH,
            "description": "Where the video lies: `https://`, at a public address, without credentials in it; a signed URL will do.",
            "examples": ["https://media.example.com/street.mp4"],
        },
        "request": {"$ref": "#/components/schemas/JobRequest"},
        "title": {"type": ["string", "null"], "maxLength": 500},
        "custom_id": {"type": ["string", "null"], "maxLength": 200},
        "recorded_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Wall-clock time of the first frame, with its offset.",
        },
        "metadata": {"type": "object", "description": "Anything of yours.", "examples": [{"camera": 7}]},
        "filename": {
            "type": ["string", "null"],
            "maxLength": FILENAME_LENGTH,
            "description": "What to call the file; the URL's last part unless told.",
        },
    },
}


def is_meant(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def take_in(parts: Parts, caller: Caller, once: Once, request: Request, query: Mapping[str, Any], answering: Answering[A]) -> A:
    """Write down a video that lies somewhere else, queue its first job, and give the answer.

    Raises `RequestValidationError`, `Rejected` (too large, `AddressRefused`, a quota), `DatabaseUnavailable`.
    """
    read = await _read(once.arriving(request.stream()), limit=parts.settings.max_request_bytes)
    once.sent(fingerprints.of_json(read))
    remote = intent.checked_as(Remote, parts, {**query, **_members(read)})
    addresses.check(remote.url, addresses.policy_of(parts.settings))
    return await run_in_threadpool(_commit, parts, caller, once, remote, answering)


async def _read(chunks: AsyncIterator[bytes], *, limit: int) -> bytes:
    read = bytearray()
    async for chunk in chunks:
        read += chunk
        if len(read) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes (PLAYHEAD_MAX_REQUEST_BYTES).", limit_bytes=limit)
    return bytes(read)


def _members(read: bytes) -> dict[str, Any]:
    try:
        body = json.loads(read)
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"loc": ("body",), "msg": "must be JSON", "type": "value_error"}]) from error
    if not isinstance(body, dict):
        raise RequestValidationError([{"loc": ("body",), "msg": "", "type": "dict_type"}])
    return body


def _commit(parts: Parts, caller: Caller, once: Once, remote: Remote, answering: Answering[A]) -> A:
    remote.filename = remote.filename or _last_part(remote.url)
    with parts.sessions.begin() as session:
        quotas.ensure_room(session, caller.workspace_id, parts.settings, more=1)
        video = remote.video(caller.workspace_id, uuid7(), source_url=addresses.shown(remote.url))
        session.add(video)
        session.flush()
        session.refresh(video)
        job, fetch = asking.expect(session, video, remote.request, parts.settings, by=caller, url=remote.url)
        answer = once.keep(session, answering(video, job))
    parts.ring(FETCH, fetch.id)
    return answer


def _last_part(url: str) -> str | None:
    return unquote(urlsplit(url).path).rpartition("/")[2].replace("\x00", "")[:FILENAME_LENGTH] or None
