"""`Idempotency-Key`: a request that is sent again is not carried out again, but answered as before.

A route takes `once.Whole`, and passes it what it is about to answer in the transaction that makes it true:

    with parts.sessions.begin() as session:
        ...
        return once.keep(session, JobOut.of(job, standing))

Headers of the answer are set before. A route whose body is not read whole takes `once.Streamed`, reads it from `once.arriving`, and says
with `once.sent` what it read; before that it stores nothing if `once.is_answered`. Both stand behind the caller in the signature, so that
who may not ask gets no answer.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

import structlog
from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from core.errors import IdempotencyInFlight, IdempotencyKeyReused, Rejected, Unavailable
from db import idempotency
from db.idempotency import Answer, Held
from db.models import IdempotencyKey
from services.api import fingerprints
from services.api.bodies import drain
from services.api.context import Parts, WithParts, caller_of, secret_of
from services.api.door import Caller
from services.api.sealing import Seal

log = structlog.get_logger(__name__)

A = TypeVar("A", bound=BaseModel | None)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"


class Replay(Exception):
    """The request was answered before, and this is the answer: how a dependency gives one in the place of its route."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Once:
    """Of a request without a key nothing is kept, and it is carried out each time."""

    has_key = False
    is_answered = False

    def arriving(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body as it comes; meanwhile the key is held. Raises `IdempotencyInFlight` once somebody else has it."""
        return chunks

    def sent(self, digest: bytes, *, size: int | None = None) -> None:
        """This is the body; `size`: its length, where its bytes are the same at each try. Raises `Replay`, or `IdempotencyKeyReused`."""

    def keep(self, session: Session, answer: A) -> A:  # noqa: ARG002 - nothing is kept
        """Keep what will be answered. Raises `IdempotencyInFlight` if somebody else has the key, and is carrying the same out."""
        return answer

    async def let_go(self) -> None:
        """It came to nothing: let the next try be carried out."""

    def ensure_kept(self) -> None:
        """It was answered."""


class Answered(Once):
    """A request that was answered before, if its body is the same."""

    has_key = is_answered = True

    def __init__(self, row: IdempotencyKey, seal: Seal) -> None:
        self._row, self._seal = row, seal

    def sent(self, digest: bytes, *, size: int | None = None) -> None:  # noqa: ARG002 - a digest says it all
        if digest != self._row.sent:
            raise _reused()
        assert self._row.answer is not None
        assert self._row.status is not None
        told = json.loads(self._seal.open(self._row.answer))
        raise Replay(Response(told["body"], self._row.status, {**told["headers"], REPLAYED: "true"}))


class Claimed(Once):
    """A request that is being carried out, and holds its key."""

    has_key = True

    def __init__(self, parts: Parts, request: Request, response: Response, held: Held, seal: Seal) -> None:
        self._parts, self._request, self._response = parts, request, response
        self._held, self._seal = held, seal
        self._sent: tuple[bytes, int | None] | None = None
        self._is_kept = False

    async def arriving(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        pause_s = self._parts.settings.idempotency_lease.total_seconds() / 3
        renew_at = time.monotonic() + pause_s
        async for chunk in chunks:
            yield chunk
            if time.monotonic() >= renew_at:
                await run_in_threadpool(self._renew)
                renew_at = time.monotonic() + pause_s

    def sent(self, digest: bytes, *, size: int | None = None) -> None:
        self._sent = digest, size

    def keep(self, session: Session, answer: A) -> A:
        assert self._sent is not None, "a route says what was sent before it answers"
        status = self._response.status_code or self._request.scope["route"].status_code or 200
        body, headers = None, dict(self._response.headers)
        if answer is not None:
            body, headers = answer.model_dump_json(by_alias=True), {**headers, "content-type": "application/json"}
        sealed = self._seal.close(json.dumps({"headers": headers, "body": body}))
        kept = self._parts.settings.idempotency_kept
        if not idempotency.keep(session, self._held, Answer(*self._sent, status, sealed), kept=kept):
            raise _in_flight(self._parts.settings.idempotency_lease.total_seconds())
        self._is_kept = True
        return answer

    async def let_go(self) -> None:
        try:
            await run_in_threadpool(self._release)
        except Unavailable as error:
            log.warning("once.not_let_go", error=error.as_dict())  # the lease runs out by itself

    def ensure_kept(self) -> None:
        assert self._is_kept, f"{self._request.url.path} answers without having kept its answer"

    def _renew(self) -> None:
        lease = self._parts.settings.idempotency_lease
        try:
            with self._parts.sessions.begin() as session:
                if idempotency.renew(session, self._held, lease=lease):
                    return
        except Unavailable as error:
            log.warning("once.not_renewed", error=error.as_dict())  # it is ours as long as nobody takes it
            return
        raise _in_flight(lease.total_seconds())

    def _release(self) -> None:
        with self._parts.sessions.begin() as session:
            idempotency.release(session, self._held)


def _in_flight(wait_s: float) -> IdempotencyInFlight:
    return IdempotencyInFlight("The same request is being carried out; send it again to get its answer.", retry_after_s=wait_s)


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused("This key was sent with another request; a new request needs a new key.", field=HEADER)


Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of your own for this request, new for each: with it the request may be sent again, as it is, until an answer "
        "comes. It is carried out once.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]


async def _streamed(request: Request, response: Response, parts: WithParts, key: Key = None) -> AsyncIterator[Once]:
    try:
        once = Once() if key is None else await run_in_threadpool(_begin, parts, request, response, caller_of(request), key)
    except Rejected:
        await drain(request.stream())
        raise
    try:
        yield once
    except BaseException:
        await once.let_go()
        raise
    once.ensure_kept()


def _begin(parts: Parts, request: Request, response: Response, caller: Caller, key: str) -> Once:
    """Raises `IdempotencyInFlight`, and `IdempotencyKeyReused` where that is known before the body is read."""
    asked, settings = fingerprints.of_address(request), parts.settings
    with parts.sessions.begin() as session:
        held = idempotency.claim(session, caller.key_id, key, asked=asked, lease=settings.idempotency_lease, kept=settings.idempotency_kept)
        found = None if held else idempotency.find(session, caller.key_id, key)
    seal = Seal(secret_of(request), place=f"{caller.key_id} {key}")
    if held:
        return Claimed(parts, request, response, held, seal)
    if found is None:  # it was let go just now
        raise _in_flight(1)
    row, left_s = found
    if row.asked != asked or (row.sent_bytes is not None and _differs(row.sent_bytes, request.headers.get("content-length"))):
        raise _reused()
    if row.status is None:
        raise _in_flight(left_s)
    return Answered(row, seal)


def _differs(size: int, declared: str | None) -> bool:
    return declared is not None and declared.isdecimal() and int(declared) != size


Streamed = Annotated[Once, Depends(_streamed, scope="function")]


async def _whole(request: Request, once: Streamed) -> Once:
    if once.has_key:
        once.sent(fingerprints.of_json(await request.body()))
    return once


Whole = Annotated[Once, Depends(_whole)]


def install(app: FastAPI) -> None:
    """Answer a request that is sent again as before."""

    @app.exception_handler(Replay)
    def _replay(_: Request, replay: Replay) -> Response:
        return replay.answer
