"""Somebody else's HTTP server, real and on loopback, that keeps a book of what it was asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    """With their names in lower case."""
    body: bytes = b""


Answer = Callable[[BaseHTTPRequestHandler, Asked], None]


def plain(status: int = 200, body: bytes = b"hello", **headers: str) -> Answer:
    """The same answer each time; `location="..."` and the like are headers."""

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@dataclass
class Shared:
    """A file as web servers give it, with ranges. `breaks_at`: the connection ends there, of itself. `waits_at`: until `let_go` is set.

    `etag` None: the server tells no version from another. `if_range` False: it does not know that header, and gives the rest of anything.
    """

    data: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    if_range: bool = True
    breaks_at: int | None = None
    waits_at: int | None = None
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        start = self._start(asked)
        if start >= len(self.data):
            plain(416, b"", content_range=f"bytes */{len(self.data)}")(handler, asked)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(self.data) - start))
        handler.end_headers()
        if self.waits_at is not None:
            handler.wfile.write(self.data[start : self.waits_at])
            self.let_go.wait(60)
            start = max(start, self.waits_at)
        handler.wfile.write(self.data[start : self.breaks_at])
        handler.close_connection = self.breaks_at is not None

    def _start(self, asked: Asked) -> int:
        wanted = asked.headers.get("range")
        same = not self.if_range or asked.headers.get("if-range", self.etag) == self.etag
        return int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges and same else 0


@dataclass
class Elsewhere:
    """`answer` may be changed while it serves."""

    port: int
    answer: Answer
    book: list[Asked] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """Those that TLS asked for."""

    def url(self, path: str = "/clip.mp4", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def elsewhere(answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Elsewhere]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """The book is enough."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(int(headers.get("content-length", 0))))
            there.book.append(asked)
            there.answer(self, asked)

        do_POST = do_GET  # noqa: N815 -- the name that the library looks for

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """A client that leaves is no error of this server."""

    with Server((host, 0), Handler) as server:
        there = Elsewhere(server.server_address[1], answer)
        if tls:
            tls.sni_callback = lambda _, name, __: there.names.append(name)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join(5)
