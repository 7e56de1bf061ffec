"""What every route works with: the server's parts, and who is asking. Handed in as dependencies."""

from dataclasses import dataclass, field
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from core.blobs import Blobs
from core.errors import Forbidden, RateLimited, Unauthenticated
from core.queue import Ring
from core.settings import Settings
from db import keys
from db.models import ApiKey
from db.session import Sessions
from services.api.door import Door


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    sessions: Sessions
    blobs: Blobs
    ring: Ring


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose data a request may see, and what it may do, and how much of it: 0 is no limit. `secret`: the key itself, as it was sent."""

    workspace_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    secret: str = field(repr=False)
    max_requests_a_minute: int = 0
    max_uploads_a_day: int = 0
    max_jobs_a_day: int = 0


def parts_of(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)


async def parts(request: Request) -> Parts:
    """Not a plain function, as the others that routes depend on: FastAPI calls those in threads, at a price for each."""
    return parts_of(request)


def door_of(request: Request) -> Door:
    return cast("Door", request.app.state.door)


class Bearer(SecurityBase):
    """Who is asking, by the API key that was sent. One dependency, not one upon the other: each is a good part of what a poll costs."""

    model = HTTPBearer(description="An API key: `Authorization: Bearer ph_...`.")
    scheme_name = "HTTPBearer"

    async def __call__(self, request: Request, needed: SecurityScopes) -> Caller:
        """Raises `Unauthenticated` for a key that is missing or not valid, `RateLimited` where it came too often, `Forbidden` for one
        without the scope.
        """
        scheme, sent = get_authorization_scheme_param(request.headers.get("Authorization"))
        if scheme.lower() != "bearer" or not sent:
            raise Unauthenticated("Send your API key as `Authorization: Bearer ph_...`.")
        key = await _admitted(request, sent)
        if missing := set(needed.scopes) - set(key.scopes):
            raise Forbidden(f"This API key lacks the scope `{min(missing)}`.", scope=min(missing))
        settings = parts_of(request).settings
        own = {name: getattr(key, name) for name in keys.LIMITS}
        limits = {name: getattr(settings, name) if limit is None else limit for name, limit in own.items()}
        request.state.caller = caller = Caller(key.workspace_id, key.id, frozenset(key.scopes), sent, **limits)
        return caller


async def _admitted(request: Request, sent: str) -> ApiKey:
    def find(key: str) -> keys.Valid | None:
        with parts_of(request).sessions.begin() as session:
            return keys.admit(session, key)

    door = door_of(request)
    address = request.client.host if request.client else None
    key = door.known(sent)
    if key is None:
        key = await run_in_threadpool(door.admit, sent, address, find)
    request.state.key_id = key.id
    request.state.allowance = allowance = door.pass_through(key)
    if allowance and allowance.is_over:
        raise RateLimited(f"This API key may send {allowance.limit} requests a minute.", retry_after_s=allowance.reset_s)
    return key


def caller_of(request: Request) -> Caller:
    """Who is asking, where the route's signature names the caller before whatever needs it."""
    return cast("Caller", request.state.caller)


caller = Bearer()

WithParts = Annotated[Parts, Depends(parts)]
Reader = Annotated[Caller, Security(caller, scopes=["read"])]
Writer = Annotated[Caller, Security(caller, scopes=["write"])]
Admin = Annotated[Caller, Security(caller, scopes=["admin"])]
Anyone = Annotated[Caller, Security(caller)]
"""With a valid key, whatever its scopes."""
