"""A limit on bodies that are read whole: questions, not videos; and what becomes of those that nobody wants."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from services.api.context import Parts
from services.api.known import KnownRoute

DRAIN_S = 2.0
DRAIN_BYTES = 16 * 1024**2
"""How much of a refused body is still read, so that the client, which is busy sending, gets to see the answer."""


class LimitedRoute(KnownRoute):
    """Refuses a body over `max_request_bytes` with 413, by what it says of itself or by counting, before it is all in memory; and one that
    takes longer than `body_timeout` with 408, however it drips.

    FastAPI's own `max_body_size` answers in plain text, where every other error here is a problem.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            parts: Parts = request.app.state.parts
            limit, ends_at = parts.settings.max_request_bytes, time.monotonic() + parts.settings.body_timeout.total_seconds()
            declared = request.headers.get("content-length", "")
            if declared.isdigit() and int(declared) > limit:
                raise _too_large(limit)
            rest, is_whole = limit, False

            async def receive() -> Message:
                nonlocal rest, is_whole
                message = await (request.receive() if is_whole else _in_time(request.receive, ends_at))
                is_whole = is_whole or not message.get("more_body", False)
                rest -= len(message.get("body", b""))
                if rest < 0:
                    raise _too_large(limit)
                return message

            return await handle(Request(request.scope, receive))

        return limited


async def _in_time(receive: Receive, ends_at: float) -> Message:
    try:
        async with asyncio.timeout(ends_at - time.monotonic()):
            return await receive()
    except TimeoutError:
        raise HTTPException(408, "The body did not come in time (PLAYHEAD_BODY_TIMEOUT).", {"Connection": "close"}) from None


def _too_large(limit: int) -> HTTPException:
    """The framework's own error: while it reads a body, it takes any other for a fault in the body."""
    return HTTPException(413, f"The body is larger than {limit} bytes (PLAYHEAD_MAX_REQUEST_BYTES).")


async def drain(body: AsyncIterable[bytes]) -> None:
    """Read some of a refused body, for nothing."""
    rest = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_S):
            async for chunk in body:
                rest -= len(chunk)
                if rest < 0:
                    return
    except (ClientDisconnect, RuntimeError, TimeoutError):
        return
