"""What every answer of tus says, also one that refuses."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.tus.headers import VERSION


class TusMiddleware:
    """Plain ASGI: it must not buffer uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def versioned(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        is_upload = scope["type"] == "http" and scope["path"].startswith("/v1/uploads")
        await self._app(scope, receive, versioned if is_upload else send)
