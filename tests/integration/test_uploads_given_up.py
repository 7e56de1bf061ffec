"""Nothing of an upload stays that never became a video, also when nobody is left to clean up."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from core.settings import Settings
from db.models import DoomedBlobs, Video
from db.session import Sessions
from standalone.processes import free_port
from tests.conftest import serving
from tests.integration.test_uploads import MP4, stored
from tests.polling import wait_until
from workers.runtime import make_runtime
from workers.sweeping import sweep

PIECE = MP4 * 2000  # more than the storage keeps in memory before it writes


@contextmanager
def api_process(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = {
        **os.environ,
        "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
        "PLAYHEAD_REDIS_URL": settings.redis_url.get_secret_value(),
        "PLAYHEAD_BLOBS_URL": settings.blobs_url,
    }
    command = (sys.executable, "-m", "uvicorn", "--factory", "services.api.app:create_app", "--port", str(port))
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port), "the API to start")
            yield f"127.0.0.1:{port}", process
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sweep_after(settings: Settings, max_upload_time: timedelta, sessions: Sessions) -> None:
    """A sweep as it will be once the upload has been under way for so long."""
    runtime = make_runtime(settings)
    with sessions.begin() as session:
        for prefix in session.query(DoomedBlobs):
            prefix.not_before -= max_upload_time
            prefix.last_delete_at -= max_upload_time
    sweep(runtime)
    runtime.sessions.engine.dispose()


@pytest.mark.parametrize("late", [False, True])
def test_what_an_api_killed_in_mid_upload_leaves_behind_is_swept_away_once_it_must_have_been_given_up(
    settings: Settings, sessions: Sessions, api_key: str, late: bool
) -> None:
    with api_process(settings) as (address, process), socket.create_connection(address.split(":")) as upload:
        upload.sendall(
            f"POST /v1/videos HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: video/mp4\r\nContent-Length: {10 * len(PIECE)}\r\n\r\n".encode()
            + PIECE
        )
        wait_until(lambda: stored(settings), "the first bytes to be written")
        process.kill()
        process.wait()
    assert stored(settings)
    sweep_after(settings, settings.max_upload_time if late else timedelta(0), sessions)
    assert bool(stored(settings)) is not late
    with sessions.begin() as session:
        assert session.query(DoomedBlobs).count() == (0 if late else 1)
        assert session.query(Video).count() == 0


def test_an_upload_that_took_too_long_says_so_and_leaves_nothing(settings: Settings, sessions: Sessions, api_key: str) -> None:
    def dripping() -> Iterator[bytes]:
        yield PIECE
        wait_until(lambda: stored(settings), "the first bytes to be written")
        sweep_after(settings, settings.max_upload_time, sessions)
        yield MP4

    with serving(settings) as url:
        answer = httpx.post(f"{url}/v1/videos", content=dripping(), headers={"Authorization": f"Bearer {api_key}"}, timeout=30)
    assert answer.status_code in {409, 503}, answer.text  # the storage may notice first
    assert stored(settings) == []
    with sessions.begin() as session:
        assert session.query(Video).count() == 0


def test_an_upload_that_ended_well_is_on_no_list_of_things_to_delete(settings: Settings, sessions: Sessions, api_key: str) -> None:
    with serving(settings) as url:
        headers = {"Authorization": f"Bearer {api_key}"}
        assert httpx.post(f"{url}/v1/videos", content=MP4, headers=headers).status_code == 202
        assert httpx.post(f"{url}/v1/videos", content=b"no video", headers=headers).status_code == 422
    sweep_after(settings, settings.max_upload_time, sessions)
    assert [path.read_bytes() for path in stored(settings)] == [MP4]
    with sessions.begin() as session:
        assert session.query(DoomedBlobs).count() == 0
