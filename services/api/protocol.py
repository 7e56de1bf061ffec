"""HTTP/1.1 as uvicorn speaks it, for a server that stands in the open: whoever is slow on purpose, or says too much, is cut off.

uvicorn waits for headers and bodies as long as they come, a byte an hour, and takes as many headers as fit into memory. Here

- a request's head must be there `head_timeout` after its first byte, and a connection's first request after that of the connection;
- a body may take its time, as long as something of it comes within `body_timeout`, and `upload_least_rate` on average over each. While
  nobody reads it the client is not to blame;
- what is left of a body once it was answered is waited for `LINGER_S`;
- heads have at most `HEAD_BYTES` and `HEADERS_MAX` headers, trailers included;
- of `max_connections`, the one that has waited longest for a head makes room for the next.
"""

import json
from asyncio import TimerHandle, Transport
from collections import OrderedDict
from http import HTTPStatus
from typing import cast

import structlog
from uuid_utils.compat import uuid7
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.settings import Settings

log = structlog.get_logger(__name__)

HEAD_BYTES = 64 * 1024
HEADERS_MAX = 100
LINGER_S = 5.0


class _TooLong(Exception):
    """Of a head."""


class Patience:
    """How long one server waits for whom, and for whom it is waiting: shared by its connections."""

    def __init__(self, settings: Settings) -> None:
        self.head_s = settings.head_timeout.total_seconds()
        self.body_s = settings.body_timeout.total_seconds()
        self.least_rate = settings.upload_least_rate
        self.max_connections = settings.max_connections
        self.waiting: OrderedDict[Protocol, None] = OrderedDict()


class Protocol(HttpToolsProtocol):
    """One connection. `patience` is set in a subclass: the server makes these by itself."""

    patience: Patience

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        self._is_in_head = self._is_in_body = self._is_too_long = self._is_judged = False
        self._headers = self._unread = self._came = 0
        self._heard_at = self.loop.time()
        self._timer: TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > self.patience.max_connections and self.patience.waiting:
            next(iter(self.patience.waiting)).give_up("crowded out")
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        self._unread += len(data)
        if self._timer is None and not self._is_in_body:
            self._await_head()
        super().data_received(data)
        if self._unread > HEAD_BYTES and not self.transport.is_closing():
            self._is_too_long = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        if self._timer is None:  # it began behind another one
            self._await_head()
        self._is_in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        if self._headers > HEADERS_MAX:
            self._is_too_long = True
            raise _TooLong
        if not self._is_in_body:  # trailers are of no use to anybody
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._is_too_long = True
            raise _TooLong
        self._stop_waiting()
        self._is_in_head, self._is_in_body, self._unread = False, True, 0
        super().on_headers_complete()
        self._measure(is_judged=False)  # who reads bodies whole refuses one in this time, with an answer
        self._timer = self.loop.call_later(self.patience.body_s, self._watch_body)

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        self._came += len(body)
        super().on_body(body)
        self._is_judged &= not self.flow.read_paused

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._is_in_body, self._headers, self._unread = False, 0, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or self.pipeline:
            return
        if self._is_in_body:
            self._stop_waiting()
            self._timer = self.loop.call_later(LINGER_S, self.give_up, "went on after the answer")
        else:
            self.patience.waiting[self] = None  # uvicorn's own keep-alive counts for it

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it is always the same
        """What uvicorn calls for all that it can't parse."""
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if self._is_too_long else HTTPStatus.BAD_REQUEST)

    def give_up(self, why: str) -> None:
        """Close; who has begun to say something is told."""
        log.info("connection.given_up", why=why, client=self.client[0] if self.client else None)
        self._stop_waiting()
        if self._is_in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.patience.head_s, self._watch_head)
        self.patience.waiting[self] = None

    def _watch_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # who waits for an answer need not say anything
            self._timer = self.loop.call_later(self.patience.head_s, self._watch_head)
        else:
            self.give_up("no request")

    def _watch_body(self) -> None:
        """Looked at no more often than it can be over, since there may be thousands of pieces a second."""
        silent_s = 0.0 if self.flow.read_paused else self.loop.time() - self._heard_at
        if silent_s >= self.patience.body_s:
            self.give_up("fell silent")
        elif self._drips():
            self.give_up("dripped")
        else:
            self._timer = self.loop.call_later(self.patience.body_s - silent_s, self._watch_body)

    def _measure(self, *, is_judged: bool) -> None:
        self._measured_at, self._came, self._is_judged = self.loop.time(), 0, is_judged

    def _drips(self) -> bool:
        """Whether less came than must, in a stretch of `body_timeout` or more. One in which nobody read for a while is not judged."""
        since_s = self.loop.time() - self._measured_at
        if since_s < self.patience.body_s:
            return False
        drips = self._is_judged and self._came < self.patience.least_rate * since_s
        self._measure(is_judged=not self.flow.read_paused)
        return drips

    def _stop_waiting(self) -> None:
        self.patience.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: HTTPStatus) -> None:
        this, code = str(uuid7()), status.phrase.lower().replace(" ", "_")
        log.info("request.refused", request_id=this, status=status.value, client=self.client[0] if self.client else None)
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": status.description, "code": code}
        told = json.dumps({**problem, "request_id": this})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\nx-request-id: {this}\r\n"
            f"content-length: {len(told)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write((head + told).encode())
        self.transport.close()


def protocol(settings: Settings) -> type[Protocol]:
    """The class that one server makes its connections of."""
    return cast("type[Protocol]", type("Protocol", (Protocol,), {"patience": Patience(settings)}))
