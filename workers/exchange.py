"""One HTTP exchange, bounded in time and size, that its caller can walk away from."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

import httpx

# A connection that takes longer is not going to come about.
CONNECT_S = 10.0
PIECE_BYTES = 64 * 1024
REPLY_MAX_BYTES = 4 * 1024**2


class TooLong(Exception):
    """The exchange as a whole took longer than it may: a reply that drips keeps every read in time."""


class TooMuch(Exception):
    """The reply is longer than any that we asked for."""


class _Abandoned(Exception):
    """Whoever waited has left; the connection is closed on the way out."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: httpx.Headers
    body: bytes


def post(
    http: httpx.Client,
    url: str,
    *,
    headers: dict[str, str],
    auth: httpx.Auth,
    body: bytes,
    timeout_s: float,
    beat: Callable[[], None],
    beat_every_s: float,
    cut_at: int | None = None,
) -> Reply:
    """Send, and call `beat` at once and then every `beat_every_s` until the reply is whole, or so many of its bytes are there: `cut_at`.

    What `beat` raises passes through, and the exchange is abandoned. Raises httpx's own errors, TooLong and TooMuch.

    The exchange runs in a thread of its own because httpx can't be interrupted while it waits for a reply to begin. Walking away
    therefore closes the connection at the next piece that comes or goes, or when the read times out at the latest.
    """
    beat()
    # A length given keeps httpx from sending the pieces chunked, which not every server takes.
    headers = {**headers, "Content-Length": str(len(body))}
    exchange = _Exchange(http, "POST", url, headers=headers, auth=auth, body=body, deadline=monotonic() + timeout_s, cut_at=cut_at)
    reply = exchange.start()
    try:
        while not wait([reply], timeout=max(min(beat_every_s, exchange.left_s()), 0)).done:
            if exchange.left_s() <= 0:
                raise TooLong
            beat()
        return reply.result()
    finally:
        exchange.abandoned.set()


def get(http: httpx.Client, url: str, *, headers: dict[str, str], auth: httpx.Auth, timeout_s: float) -> Reply:
    """Ask for what takes no body, within the time in all. Raises httpx's own errors, TooLong and TooMuch."""
    exchange = _Exchange(http, "GET", url, headers=headers, auth=auth, body=b"", deadline=monotonic() + timeout_s)
    try:
        return exchange.start().result(timeout_s)
    except TimeoutError as error:
        raise TooLong from error
    finally:
        exchange.abandoned.set()


class _Exchange:
    def __init__(
        self,
        http: httpx.Client,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        auth: httpx.Auth,
        body: bytes,
        deadline: float,
        cut_at: int | None = None,
    ) -> None:
        self.http, self.method, self.url, self.headers = http, method, url, headers
        self.auth, self.body, self.deadline, self.cut_at = auth, body, deadline, cut_at
        self.abandoned = Event()

    def left_s(self) -> float:
        return self.deadline - monotonic()

    def start(self) -> Future[Reply]:
        reply: Future[Reply] = Future()
        # A daemon: a server that never answers must not keep the process from ending.
        Thread(target=self._run, args=(reply,), name="exchange", daemon=True).start()
        return reply

    def _run(self, reply: Future[Reply]) -> None:
        try:
            reply.set_result(self._exchange())
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits, as it is
            reply.set_exception(error)

    def _exchange(self) -> Reply:
        left_s = max(self.left_s(), 0.001)
        timeout = httpx.Timeout(left_s, connect=min(CONNECT_S, left_s))
        # Never to where a redirect points: the key is for the server that was named.
        content = self._pieces() if self.body else None
        with self.http.stream(
            self.method, self.url, headers=self.headers, auth=self.auth, content=content, timeout=timeout, follow_redirects=False
        ) as response:
            received = bytearray()
            # As they came, where only some are wanted: a few bytes can unfold to very many.
            for piece in response.iter_bytes() if self.cut_at is None else response.iter_raw(self.cut_at):
                self._check()
                received += piece
                if self.cut_at is not None:
                    break
                if len(received) > REPLY_MAX_BYTES:
                    raise TooMuch
            return Reply(response.status_code, response.headers, bytes(received))

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), PIECE_BYTES):
            self._check()
            yield self.body[start : start + PIECE_BYTES]

    def _check(self) -> None:
        if self.abandoned.is_set():
            raise _Abandoned
        if self.left_s() <= 0:
            raise TooLong
