"""What every route works with: the server's parts, and who is asking. Handed in as dependencies."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from core.blobs import Blobs
from core.errors import Forbidden, RateLimited, Unauthenticated
from core.queue import Ring
from core.settings import Settings
from db.session import Sessions
from services.api.door import Caller, Door


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    sessions: Sessions
    blobs: Blobs
    ring: Ring


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
        door, state = door_of(request), request.state
        state.caller = caller = await door.admit(secret_of(request), request.client.host if request.client else None)
        state.allowance = allowance = door.pass_through(caller)
        if allowance and allowance.is_over:
            raise RateLimited(f"This API key may send {allowance.limit} requests a minute.", retry_after_s=allowance.reset_s)
        if missing := set(needed.scopes) - caller.scopes:
            raise Forbidden(f"This API key lacks the scope `{min(missing)}`.", scope=min(missing))
        return caller


def secret_of(request: Request) -> str:
    """The API key, as it was sent. Raises `Unauthenticated` where there is none."""
    scheme, sent = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() != "bearer" or not sent:
        raise Unauthenticated("Send your API key as `Authorization: Bearer ph_...`.")
    return sent


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
