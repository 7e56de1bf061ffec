"""The routes: those of a model API under /v1, and those that tests steer by."""

import json
from asyncio import timeout
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from time import time
from typing import Any, cast

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from tests.model_server import request as requests
from tests.model_server import seeing
from tests.model_server.misbehaving import Outcome, outcome
from tests.model_server.prices import offer
from tests.model_server.scripting import Book, Script, described

RESET_S = 5


def make_app(*, key: str) -> FastAPI:
    """The app; whoever serves it puts the `uvicorn.Server` into `app.state.server`, for resets."""
    app = FastAPI(title="Test model server")
    script, book = Script(), Book()

    def is_authorized(request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {key}"

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:
        body = await _json_of(request)
        entry = book.open(auth_ok=is_authorized(request), headers=_headers_of(request), body=body)
        made = await run_in_threadpool(_answer, body, entry, script)
        return Delivery(made, entry, app.state.server)

    @app.get("/v1/key")
    def key_info(request: Request) -> Response:
        if not is_authorized(request):
            return _problem(401, "No auth credentials found")
        return _reply(200, {"data": {"label": "test", "limit": 100, "limit_remaining": 99.5, "usage": 0.5, "is_free_tier": False}})

    @app.get("/v1/models/{author}/{slug}/endpoints")
    async def endpoints(author: str, slug: str, request: Request) -> Response:
        told = script.prices(authorized=is_authorized(request))
        if await _is_gone(request.receive, within_s=told.get("delay_s", 0)) or told.get("status", 200) != 200:
            return _problem(told.get("status", 500), "as told")
        data = {"id": f"{author}/{slug}", "name": slug, "architecture": {"input_modalities": told.get("takes", ["image", "text"])}}
        return _reply(200, {"data": {**data, "endpoints": told.get("endpoints", [offer()])}})

    @app.post("/control")
    async def control(request: Request) -> dict[str, Any]:
        script.change(await request.json())
        return script.state()

    @app.get("/log")
    def log() -> list[dict[str, Any]]:
        return book.entries()

    @app.delete("/log", status_code=204)
    def clear() -> None:
        book.clear()

    return app


class Delivery(Response):
    """An outcome on its way, at its pace."""

    def __init__(self, made: Outcome, entry: dict[str, Any], server: uvicorn.Server) -> None:
        body, kind = (made.payload, "text/html") if isinstance(made.payload, str) else (json.dumps(made.payload), "application/json")
        super().__init__(body, made.status, {"X-Generation-Id": "gen-test", **made.headers}, kind)
        self._made, self._entry, self._server = made, entry, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = await _is_gone(receive, within_s=self._made.delay_s) or await self._send(scope, receive, send)
        self._entry.update(finished_at=time(), answered=not gone)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether the other side was gone before the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._made.reset:
            await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
            self._reset(scope)
            return await _is_gone(receive, within_s=RESET_S)
        size = self._made.drip_bytes if self._made.drip_s else len(self.body)
        for start in range(0, len(self.body), size):
            # Asked before the end: afterwards everybody counts as gone.
            if await _is_gone(receive, within_s=self._made.drip_s):
                return True
            await send({"type": "http.response.body", "body": self.body[start : start + size], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return False

    def _reset(self, scope: Scope) -> None:
        """Close the connection so that the other side gets a reset, not an end."""
        connection: Any = next(each for each in cast("set[Any]", self._server.server_state.connections) if each.client == scope["client"])
        connection.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
        connection.transport.abort()


async def _is_gone(receive: Receive, *, within_s: float) -> bool:
    """Wait that long, or until the other side hangs up."""
    try:
        async with timeout(within_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _answer(body: Any, entry: dict[str, Any], script: Script) -> Outcome:
    if not entry["auth_ok"]:
        return _refused(entry, 401, "No auth credentials found")
    try:
        request = requests.parse(body)
    except requests.BadRequest as error:
        return _refused(entry, 400, str(error))
    behaviour = {**script.pick(), "serial": entry["serial"]}
    made = outcome(behaviour, request)
    entry.update(described(request), behaviour=behaviour, status=made.status)
    entry.update(events=seeing.events(request), usage=made.payload.get("usage") if isinstance(made.payload, dict) else None)
    return made


def _refused(entry: dict[str, Any], status: int, reason: str) -> Outcome:
    entry.update(status=status, refused=reason)
    return Outcome(status, {"error": {"code": status, "message": reason}})


async def _json_of(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, ClientDisconnect):
        return None


def _headers_of(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name != "authorization"}


def _reply(status: int, payload: dict[str, Any]) -> Response:
    return Response(json.dumps(payload), status, media_type="application/json")


def _problem(status: int, message: str) -> Response:
    return _reply(status, {"error": {"code": status, "message": message}})
