"""A limit on bodies that are read whole: questions, not videos; and what becomes of those that nobody wants."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message

from services.api.context import parts

DRAIN_S = 2.0
DRAIN_BYTES = 16 * 1024**2
"""How much of a refused body is still read, so that the client, which is busy sending, gets to see the answer."""


class LimitedRoute(APIRoute):
    """Refuses a body over `max_request_bytes` with 413, by what it says of itself or by counting, before it is all in memory.

    FastAPI's own `max_body_size` answers in plain text, where every other error here is a problem.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            limit = parts(request).settings.max_request_bytes
            declared = request.headers.get("content-length", "")
            if declared.isdigit() and int(declared) > limit:
                raise _too_large(limit)
            rest = limit

            async def receive() -> Message:
                nonlocal rest
                message = await request.receive()
                rest -= len(message.get("body", b""))
                if rest < 0:
                    raise _too_large(limit)
                return message

            return await handle(Request(request.scope, receive))

        return limited


def _too_large(limit: int) -> HTTPException:
    """The framework's own error: while it reads a body, it takes any other for a fault in the body."""
    return HTTPException(413, f"The body is larger than {limit} bytes (PLAYHEAD_MAX_REQUEST_BYTES).")


async def drain(body: AsyncIterator[bytes]) -> None:
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
