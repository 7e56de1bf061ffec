"""An API told to stop answers what it has begun, takes nothing new, and is gone in time; nothing stays of what it could not end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from core.settings import Settings
from db.models import Job, Video
from db.session import Sessions
from services.api.server import DRAIN_S
from standalone import parts
from standalone.processes import free_port
from tests.integration.test_uploads import MP4, stored
from tests.integration.test_uploads_given_up import PIECE, answers, sweep_after
from tests.polling import wait_until

STOPPED_S = 30


@contextmanager
def api(settings: Settings, *, drain_s: int = DRAIN_S) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The API as it is deployed, but for how long it waits for what is under way."""
    port = free_port()
    environment = {
        **os.environ,
        "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
        "PLAYHEAD_REDIS_URL": settings.redis_url.get_secret_value(),
        "PLAYHEAD_BLOBS_URL": settings.blobs_url,
    }
    arguments = (*parts.api("127.0.0.1", port), "--drain", str(drain_s))
    with subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port), "the API to start")
            yield port, process
        finally:
            process.kill()


@contextmanager
def uploading(port: int, api_key: str) -> Iterator[socket.socket]:
    """An upload of which some has been sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as upload:
        upload.sendall(
            f"POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: video/mp4\r\nContent-Length: {len(PIECE) + len(MP4)}\r\n\r\n".encode()
            + PIECE
        )
        yield upload


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_an_upload_under_way_is_taken_in_and_a_new_one_is_refused(settings: Settings, sessions: Sessions, api_key: str) -> None:
    with api(settings) as (port, process), uploading(port, api_key) as upload, httpx.Client(base_url=f"http://127.0.0.1:{port}") as idle:
        assert idle.get("/healthz").status_code == 200
        wait_until(lambda: stored(settings), "the first bytes to be written")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not answers(port), "the door to be shut")
        upload.sendall(MP4)
        answer = read_all(upload)
        assert answer.startswith(b"HTTP/1.1 202"), answer[:200]
        assert process.wait(STOPPED_S) in {0, -signal.SIGTERM}
    with sessions.begin() as session:
        assert (session.query(Video).count(), session.query(Job).count()) == (1, 1)
    assert len(stored(settings)) == 1


def test_an_upload_that_does_not_end_keeps_nothing_from_stopping_and_leaves_nothing(
    settings: Settings, sessions: Sessions, api_key: str
) -> None:
    started = time.monotonic()
    with api(settings, drain_s=1) as (port, process), uploading(port, api_key) as upload:
        wait_until(lambda: stored(settings), "the first bytes to be written")
        process.send_signal(signal.SIGTERM)
        process.wait(STOPPED_S)
        assert not read_all(upload).startswith(b"HTTP/1.1 2")
    assert time.monotonic() - started < STOPPED_S
    sweep_after(settings, settings.max_upload_time + timedelta(seconds=1), sessions)
    assert stored(settings) == []
    with sessions.begin() as session:
        assert session.query(Video).count() == 0
