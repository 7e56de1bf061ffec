"""A small real server that answers from a script, to see what the client makes of answers that the API gives only when things go wrong."""

import hashlib
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; `at` is on the monotonic clock. The body is counted and hashed."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    size: int
    sha256: str
    at: float


Answer = Callable[[], Response]


@dataclass
class Script:
    """What is answered on which path, in order; the last answer stays. A path without answers is a 404 with a problem."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    unread: set[str] = field(default_factory=set)

    def on(self, path: str, *answers: Answer) -> None:
        self.answers[path].extend(answers)

    def refuse_unread(self, path: str, answer: Answer) -> None:
        """Answer before the body is read, and read none of it."""
        self.unread.add(path)
        self.on(path, answer)

    def forget(self) -> None:
        self.seen.clear()
        self.answers.clear()
        self.unread.clear()

    def paths(self) -> list[str]:
        return [f"{seen.method} {seen.path}" for seen in self.seen]


def ok(data: Any, status: int = 200) -> Answer:
    return lambda: JSONResponse(data, status)


def problem(status: int, code: str, detail: str = "Because.", *, retry_after: str | None = None, **extra: Any) -> Answer:
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "code": code, "request_id": "req-1", **extra}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda: JSONResponse(body, status, headers, "application/problem+json")


def text(body: str, status: int = 200, **headers: str) -> Answer:
    return lambda: Response(body, status, headers, "text/html")


def breaks_off(body: bytes, *, promised: int) -> Answer:
    """Fewer bytes than the length says, and then the connection closes."""
    return lambda: StreamingResponse(iter([body]), headers={"Content-Length": str(promised)})


def job(status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {"id": "j1", "object": "job", "video_id": "v1", "status": status, **fields}


def event(number: int, **fields: Any) -> dict[str, Any]:
    times = {"start_ms": number * 1000, "end_ms": number * 1000 + 500, "start_uncertainty_ms": 500, "end_uncertainty_ms": 500}
    return {"id": f"e{number}", "object": "event", "video_id": "v1", "type": "cut", "description": f"Cut {number}", **times, **fields}


def listed(*items: dict[str, Any], next_cursor: str | None = None) -> Answer:
    return ok({"object": "list", "data": list(items), "next_cursor": next_cursor})


def _app(script: Script) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PATCH", "DELETE"])
    async def answer(request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        size, digest = 0, hashlib.sha256()
        if path not in script.unread:
            async for piece in request.stream():
                size += len(piece)
                digest.update(piece)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        headers = dict(request.headers)
        script.seen.append(Seen(request.method, path, query, headers, size, digest.hexdigest(), time.monotonic()))
        answers = script.answers[path]
        if not answers:
            return problem(404, "not_found", f"There is no {path}.")()
        return (answers.popleft() if len(answers) > 1 else answers[0])()

    return app


@contextmanager
def serving() -> Iterator[Script]:
    listener = socket.create_server(("127.0.0.1", 0))
    script = Script(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(_app(script), log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
