"""Nothing of an upload stays that never became a video, also when nobody is left to clean up."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import make_transient

from core.blobs import Blobs, video_prefix
from core.settings import Settings
from db import doomed
from db.models import DoomedBlobs, Video
from db.session import Sessions
from services.api import intake
from services.api.context import Parts
from standalone.processes import free_port
from tests.conftest import serving
from tests.integration import rows
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
    command = (sys.executable, "-m", "services.api", "--port", str(port))
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


@pytest.fixture
def parts(settings: Settings, sessions: Sessions) -> Parts:
    return Parts(settings, sessions, Blobs(settings.blobs_url), lambda task, row_id: None)


@pytest.fixture
def upload(settings: Settings, sessions: Sessions, parts: Parts) -> Video:
    """One whose bytes are there, and whose transaction is yet to come."""
    made = rows.video(sessions, rows.workspace(sessions))
    with sessions.begin() as session:
        session.delete(session.get_one(Video, made.id))
        doomed.doom(session, video_prefix(made.id), after=timedelta(0), again_after=timedelta(0))
    parts.blobs.put(made.blob_key, MP4)
    make_transient(made)
    return made


def waits_for_a_lock(sessions: Sessions) -> bool:
    with sessions.begin() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


@pytest.mark.parametrize("committed", [True, False])
def test_who_cleans_up_waits_for_a_commit_that_is_on_its_way(
    settings: Settings, sessions: Sessions, parts: Parts, upload: Video, committed: bool
) -> None:
    """The request may be canceled, or its connection lost, while the last transaction is in the database's hands."""
    cleaner = Thread(target=intake._clean_up, args=(parts, upload.id))
    with suppress(Lost), sessions.begin() as session:
        assert doomed.spare(session, video_prefix(upload.id))
        session.add(upload)
        session.flush()
        cleaner.start()
        wait_until(lambda: waits_for_a_lock(sessions), "the clean-up to wait")
        if not committed:
            raise Lost
    cleaner.join(10)
    assert len(stored(settings)) == (1 if committed else 0)
    with sessions.begin() as session:
        assert session.query(Video).count() == (1 if committed else 0)
        assert session.query(DoomedBlobs).count() == 0


class Lost(Exception):
    """The transaction came to nothing."""


def test_once_the_sweeper_deletes_an_upload_it_can_become_no_video(
    settings: Settings, sessions: Sessions, parts: Parts, upload: Video
) -> None:
    spared: list[bool] = []

    class Deleting(Blobs):
        def delete_prefix(self, prefix: str) -> None:
            with sessions.begin() as session:
                spared.append(doomed.spare(session, prefix))
            super().delete_prefix(prefix)

    runtime = make_runtime(settings)
    sweep(replace(runtime, blobs=Deleting(settings.blobs_url)))
    runtime.sessions.engine.dispose()
    assert (spared, stored(settings)) == ([False], [])
