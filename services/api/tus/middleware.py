"""What is true of every request and every answer of tus."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.tus.headers import PREFIX, VERSION

OVERRIDABLE = frozenset({"PATCH", "DELETE"})


class TusMiddleware:
    """Plain ASGI: it must not buffer uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return

        async def versioned(message: Message) -> None:
            """Also where an error is the answer."""
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        meant = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and meant in OVERRIDABLE:  # where the network lets through neither
            scope = {**scope, "method": meant}
        await self._app(scope, receive, versioned)
