"""What goes with every request: an id, a line in the log, and the headers that every answer carries."""

import re
import time
from contextvars import ContextVar

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from core.settings import Settings
from services.api.headers import protective, rate_limit

log = structlog.get_logger(__name__)

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_CALLER_S_ID = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")


def request_id() -> str:
    """The id of the request being answered; the caller's own `X-Request-Id` where it sent a sane one."""
    return _request_id.get()


class RequestMiddleware:
    """Plain ASGI: it must not buffer uploads or downloads."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        this = sent if _CALLER_S_ID.match(sent) else str(uuid7())
        token, started, status = _request_id.set(this), time.monotonic(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                more = {"x-request-id": this} | protective(scope, self._settings) | rate_limit(scope)
                also = [(name.encode(), value.encode()) for name, value in more.items()]
                message = {**message, "headers": [*message["headers"], *(one for one in also if one[0] not in said)]}
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=this):
                try:
                    await self._app(scope, receive, named)
                except ClientDisconnect:
                    log.info("request.broken_off", method=scope["method"], path=scope["path"])
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.monotonic() - started) * 1000),
                    key_id=caller.key_id if (caller := scope.get("state", {}).get("caller")) else None,
                )
        finally:
            _request_id.reset(token)
