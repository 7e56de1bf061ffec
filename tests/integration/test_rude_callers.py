"""Callers who are slow on purpose, or say too much, over real sockets: they are cut off, and nobody else notices them."""

import resource
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from core.settings import Settings
from db.session import Sessions
from services.api.problems import Problem
from tests.conftest import serving
from tests.integration.test_uploads import MP4
from tests.integration.tus.speaking import BODY, Tus
from tests.polling import wait_until

SHORT = timedelta(seconds=0.5)
LONG = timedelta(hours=1)

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def impatient(settings: Settings, **changed: Any) -> Iterator[httpx.URL]:
    with serving(settings.model_copy(update=changed)) as url:
        yield httpx.URL(url)


def connect(url: httpx.URL) -> socket.socket:
    return socket.create_connection((url.host, url.port or 80), timeout=20)


def said(to: socket.socket, *pieces: bytes) -> bytes:
    """All that comes back until the other side closes."""
    heard = b""
    try:
        for piece in pieces:
            to.sendall(piece)
        while more := to.recv(65536):
            heard += more
    except (ConnectionResetError, BrokenPipeError):
        pass  # it closed while we were speaking
    return heard


def upload(key: str, length: int, *, path: str = "/v1/videos") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: video/mp4\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()


@pytest.mark.parametrize("beginning", [b"", b"G", HEAD, b"\r\n"], ids=["nothing", "a letter", "half a head", "an empty line"])
def test_whoever_does_not_come_to_the_point_is_cut_off(settings: Settings, beginning: bytes) -> None:
    with impatient(settings, head_timeout=SHORT) as url, connect(url) as caller:
        heard = said(caller, beginning)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_drips_is_cut_off_though_it_never_falls_silent(settings: Settings) -> None:
    with impatient(settings, head_timeout=SHORT) as url, connect(url) as caller:
        caller.settimeout(0.05)
        caller.sendall(HEAD)
        heard = []

        def is_cut_off() -> bool:
            try:
                caller.sendall(b"x")
                heard.append(caller.recv(4096))
            except TimeoutError:
                return False
            except OSError:
                return True
            return bool(heard)

        wait_until(is_cut_off, "the server to lose its patience")
        assert not heard or heard[0].startswith(b"HTTP/1.1 408 ")


def test_a_second_request_gets_no_more_time_than_the_first(settings: Settings) -> None:
    with impatient(settings, head_timeout=SHORT) as url, connect(url) as caller:
        heard = said(caller, HEAD + b"\r\n", HEAD)
        assert heard.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in heard


def test_three_hundred_who_hang_are_cut_off_and_hold_nobody_up(settings: Settings, api_key: str) -> None:
    with impatient(settings, head_timeout=timedelta(seconds=8), body_timeout=timedelta(seconds=8)) as url, ExitStack() as stack:
        kinds = (HEAD, upload(api_key, 10**6) + MP4, upload("ph_unknown", 10**6), upload(api_key, 100, path="/v1/keys"))
        hanging = [stack.enter_context(connect(url)) for _ in range(300)]
        for number, caller in enumerate(hanging):
            caller.sendall(kinds[number % len(kinds)])
        headers = {"Authorization": f"Bearer {api_key}"}
        assert httpx.get(url.join("/v1/me"), headers=headers, timeout=20).status_code == 200
        assert httpx.post(url.join("/v1/videos"), headers=headers, content=MP4, timeout=20).status_code == 202
        waiting = selectors.DefaultSelector()
        for caller in hanging:
            waiting.register(caller, selectors.EVENT_READ)

        def all_are_gone() -> bool:
            for key, _ in waiting.select(0.1):
                caller = key.fileobj
                assert isinstance(caller, socket.socket)
                try:
                    is_over = not caller.recv(65536)
                except ConnectionResetError:
                    is_over = True
                if is_over:
                    waiting.unregister(caller)
            return not waiting.get_map()

        wait_until(all_are_gone, "those who hang to be cut off", timeout_s=60)
        assert httpx.get(url.join("/v1/me"), headers=headers, timeout=20).status_code == 200


def test_an_upload_that_goes_on_takes_as_long_as_it_takes(settings: Settings, api_key: str) -> None:
    with impatient(settings, body_timeout=timedelta(seconds=1), upload_least_rate=1) as url, connect(url) as caller:
        caller.sendall(upload(api_key, len(MP4)))
        left = list(MP4[:12])
        selector = selectors.DefaultSelector()
        selector.register(caller, selectors.EVENT_READ)
        while left:
            caller.sendall(bytes([left.pop(0)]))
            assert not selector.select(0.25), "cut off while it went on"  # three seconds in all
        assert said(caller, MP4[12:], HEAD + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 202 ")


def test_an_upload_that_falls_silent_is_cut_off_and_leaves_nothing(settings: Settings, api_key: str) -> None:
    with impatient(settings, body_timeout=SHORT) as url, connect(url) as caller:
        assert said(caller, upload(api_key, 10**6) + MP4) == b""
        listed = httpx.get(url.join("/v1/videos"), headers={"Authorization": f"Bearer {api_key}"}).json()
        assert listed["data"] == []


def test_an_upload_that_drips_is_cut_off_though_it_never_falls_silent_and_keeps_what_came(settings: Settings, api_key: str) -> None:
    with impatient(settings, body_timeout=timedelta(seconds=1)) as url, httpx.Client(base_url=url) as client, connect(url) as caller:
        client.headers["Authorization"] = f"Bearer {api_key}"
        tus = Tus(client)
        address = tus.begin(len(MP4))
        caller.settimeout(0.1)
        caller.sendall(
            f"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BODY}\r\n"
            f"Upload-Offset: 0\r\nContent-Length: {len(MP4)}\r\n\r\n".encode()
        )
        dripped = iter(MP4)

        def is_cut_off() -> bool:
            try:
                caller.sendall(bytes([next(dripped)]))
                return caller.recv(4096) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(is_cut_off, "the server to lose its patience")
        came = wait_until(lambda: tus.offset(address), "what came to count")
        assert tus.send(address, came, MP4[came:]).status_code == 204


def test_an_upload_is_not_blamed_while_nobody_reads_it(settings: Settings, sessions: Sessions, api_key: str) -> None:
    size = 4 * 1024**2
    with (
        impatient(settings, body_timeout=SHORT, upload_least_rate=size) as url,
        connect(url) as caller,
        ThreadPoolExecutor(1) as pool,
    ):
        with sessions.begin() as session:
            session.execute(text("LOCK TABLE doomed_blobs"))  # written to before the first byte is read
            began = time.monotonic()
            heard = pool.submit(said, caller, upload(api_key, size), MP4.ljust(size, b"x"), HEAD + b"Connection: close\r\n\r\n")
            wait_until(lambda: time.monotonic() > began + 4 * SHORT.total_seconds(), "its time to be over")
        assert heard.result().startswith(b"HTTP/1.1 202 ")


FLOODS = {
    "a giant header": [HEAD, b"X-Big: ", *[b"x" * 65536] * 8],
    "many headers": [HEAD, *[b"X-Header: y\r\n" * 50] * 100],
    "a giant address": [b"GET /", *[b"a" * 65536] * 8],
    "giant trailers": [
        b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX-Trailer: ",
        *[b"x" * 65536] * 8,
    ],
    "many trailers": [
        b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
        *[b"X-Trailer: y\r\n" * 50] * 100,
    ],
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_headers_is_refused_before_it_fills_the_memory(settings: Settings, name: str) -> None:
    with impatient(settings, head_timeout=LONG) as url:
        with connect(url) as caller:
            heard = said(caller, *FLOODS[name])
            assert heard == b"" or heard.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 401 ")), heard[:200]
        with connect(url) as caller:
            assert said(caller, HEAD + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")


NONSENSE = {
    "another protocol": (400, b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n"),
    "NUL in a header": (400, HEAD + b"X: a\0b\r\n\r\n"),
    "no such chunk": (400, b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "too many headers": (431, HEAD + b"X: y\r\n" * 101 + b"\r\n"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_a_problem_too_and_has_an_id(settings: Settings, name: str) -> None:
    status, sent = NONSENSE[name]
    with impatient(settings) as url, connect(url) as caller:
        head, _, body = said(caller, sent).partition(b"\r\n\r\n")
    told = Problem.model_validate_json(body)
    assert (head.split()[1], told.status) == (str(status).encode(), status)
    assert f"x-request-id: {told.request_id}".encode() in head.lower().splitlines()


def test_whoever_waits_longest_makes_room(settings: Settings, api_key: str) -> None:
    with impatient(settings, head_timeout=LONG, max_connections=20) as url, ExitStack() as stack:
        hanging = [stack.enter_context(connect(url)) for _ in range(60)]
        for caller in hanging:
            caller.sendall(HEAD)
        assert httpx.get(url.join("/v1/me"), headers={"Authorization": f"Bearer {api_key}"}, timeout=20).status_code == 200
        first, last = said(hanging[0]), said(hanging[-1], b"Connection: close\r\n\r\n")
        assert first == b"" or first.startswith(b"HTTP/1.1 408 ")
        assert last.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_read_whole_must_be_there_in_time(settings: Settings, api_key: str) -> None:
    with impatient(settings, body_timeout=timedelta(seconds=1)) as url, connect(url) as caller:
        caller.settimeout(0.2)
        caller.sendall(upload(api_key, 1000, path="/v1/keys").replace(b"video/mp4", b"application/json"))
        heard = []

        def is_answered() -> bool:
            try:
                caller.sendall(b" ")
                heard.append(caller.recv(4096))
            except TimeoutError:
                return False
            return True

        wait_until(is_answered, "the server to lose its patience")
        assert heard[0].startswith(b"HTTP/1.1 408 ")


def test_as_many_files_may_be_open_as_connections(settings: Settings) -> None:
    with impatient(settings, max_connections=900):
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft > 900
