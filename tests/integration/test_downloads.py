"""Videos by URL: fetched by a worker from somebody else's server, on the conditions of both."""

import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from core.queue import PLAN
from core.settings import Settings
from db.models import Fetch, Job, Plan, UploadPart, Video
from db.session import Sessions
from standalone import parts
from tests.elsewhere import Asked, Elsewhere, Shared, elsewhere, plain
from tests.integration.mortal import Fate, MortalRing
from tests.integration.test_uploads import MP4
from tests.polling import wait_until
from workers.fetching import fetch
from workers.runtime import Runtime, make_runtime
from workers.shelf import PART_BYTES
from workers.stopping import Stop
from workers.sweeping import sweep

OTHER = MP4[:200] + bytes(reversed(MP4[200:])) + b"longer"
LONG = MP4 + os.urandom(20 * 1024**2)
SECRET = "?X-Amz-Signature=s3cr3t"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"outbound_http": True, "outbound_allow": Settings(outbound_allow=["127.0.0.1/32"]).outbound_allow})


@pytest.fixture
def there() -> Iterator[Elsewhere]:
    with elsewhere(Shared(MP4)) as server:
        yield server


@pytest.fixture
def runtime(settings: Settings, sessions: Sessions) -> Runtime:
    return replace(make_runtime(settings), sessions=sessions, ring=MortalRing(Fate(None)))


def ask(api: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/v1/videos", json={"url": url, "request": {"analyzer": "signals"}, **more})
    assert answer.status_code == 202, answer.text
    submitted: dict[str, Any] = answer.json()
    return submitted


def newest(session: Session) -> Fetch:
    return session.query(Fetch).order_by(Fetch.id.desc()).limit(1).one()


def go(runtime: Runtime) -> Fetch:
    """One attempt at what was asked for last, as if it were due; its row as it is then."""
    with runtime.sessions.begin() as session:
        session.execute(update(Fetch).values(not_before=func.clock_timestamp()))
        work = newest(session)
    fetch(runtime, work.id)
    with runtime.sessions.begin() as session:
        return newest(session)


def the_job(api: httpx.Client) -> dict[str, Any]:
    job: dict[str, Any] = api.get("/v1/jobs").json()["data"][0]
    return job


def assert_here(api: httpx.Client, data: bytes) -> None:
    video = api.get("/v1/videos").json()["data"][0]
    assert (video["bytes"], video["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert api.get(f"/v1/videos/{video['id']}/media").content == data


def test_a_video_is_fetched_stored_hashed_and_planned(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    submitted = ask(api, there.url(f"/a%20clip.mp4{SECRET}"), title="Yard", custom_id="cam-1", metadata={"site": 7})
    video, job = submitted["video"], submitted["job"]
    assert (video["title"], video["custom_id"], video["metadata"], video["filename"]) == ("Yard", "cam-1", {"site": 7}, "a clip.mp4")
    assert (video["bytes"], video["sha256"], video["media_type"]) == (None, None, None)
    assert video["source_url"] == there.url("/a%20clip.mp4")
    assert (job["status"], job["stage"], job["progress"]["bytes_done"]) == ("queued", "fetch", 0)
    assert go(runtime).url is None, "what may be a secret is forgotten when it has served"
    assert_here(api, MP4)
    job = the_job(api)
    assert (job["stage"], job["progress"]["percent"]) == ("plan", 10)
    assert (job["progress"]["bytes_done"], job["progress"]["bytes_total"]) == (len(MP4), len(MP4))
    [asked] = there.book
    assert (asked.path, asked.headers["accept-encoding"]) == (f"/a%20clip.mp4{SECRET}", "identity")
    with runtime.sessions.begin() as session:
        assert runtime.ring.rung == [(PLAN, session.query(Plan).one().id)]  # type: ignore[attr-defined]
        assert session.query(UploadPart).count() == 0


def test_what_is_there_is_not_asked_for_again(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    there.answer = file = Shared(MP4, breaks_at=5000)
    ask(api, there.url())
    assert (go(runtime).state, the_job(api)["progress"]["bytes_done"]) == ("pending", 5000)
    [warning] = the_job(api)["warnings"]
    assert warning["code"] == "remote_unavailable"
    file.breaks_at = None
    assert go(runtime).state == "done"
    assert_here(api, MP4)
    assert (there.book[1].headers["range"], there.book[1].headers["if-range"]) == ("bytes=5000-", '"1"')


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another version": ({}, {"etag": '"2"'}),
    "if-range unknown": ({}, {"etag": '"2"', "if_range": False}),
    "ranges unknown": ({}, {"etag": '"2"', "ranges": False}),
    "no versions": ({"etag": None}, {"etag": None}),
    "weak versions": ({"etag": 'W/"1"'}, {"etag": 'W/"1"'}),
    "shorter now": ({}, {"etag": '"2"', "if_range": False, "data": MP4[:4500]}),
}


def test_a_file_that_may_have_changed_in_mid_download_is_fetched_from_its_start(
    api: httpx.Client, runtime: Runtime, there: Elsewhere
) -> None:
    for before, after in CHANGES.values():
        there.answer = Shared(MP4, breaks_at=5000, **before)
        ask(api, there.url())
        assert go(runtime).bytes_done == 5000
        there.answer = Shared(**{"data": OTHER, **after})
        assert go(runtime).state == "done"
        assert_here(api, after.get("data", OTHER))


def test_progress_does_not_go_back_where_a_download_begins_anew(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    ask(api, there.url())
    seen = []
    for etag, breaks_at in (("1", 5000), ("2", 4500), ("3", 4800), ("4", None)):
        there.answer = Shared(MP4, etag=f'"{etag}"', breaks_at=breaks_at)
        assert go(runtime).bytes_done == (breaks_at or len(MP4))
        seen.append(the_job(api)["progress"]["percent"])
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == 10


def test_a_date_names_a_version_where_there_is_no_tag(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    date = "Wed, 01 Jul 2026 10:00:00 GMT"

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        start = int(asked.headers.get("range", "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        handler.send_header("Last-Modified", date)
        handler.send_header("Content-Range", f"bytes {start}-{len(MP4) - 1}/{len(MP4)}")
        handler.send_header("Content-Length", str(len(MP4) - start))
        handler.end_headers()
        handler.wfile.write(MP4[start:] if start else MP4[:5000])
        handler.close_connection = True

    there.answer = answer
    ask(api, there.url())
    assert [go(runtime).state, go(runtime).state] == ["pending", "done"]
    assert there.book[1].headers["if-range"] == date
    assert_here(api, MP4)


def test_a_refusal_fails_the_job_with_what_to_do_and_a_retry_asks_again(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    for status in (400, 401, 403, 404, 410, 204):
        there.answer = plain(status, b"" if status == 204 else b"secret words")
        ask(api, there.url())
        assert go(runtime).state == "failed"
        job = the_job(api)
        assert (job["status"], job["error"]["code"]) == ("failed", "url_refused")
        assert str(status) in job["error"]["detail"]
        assert "secret" not in job["error"]["detail"]
    there.answer = Shared(MP4)
    again = api.post(f"/v1/jobs/{job['id']}/retry").json()
    assert (again["status"], again["stage"]) == ("queued", "fetch")
    assert go(runtime).state == "done"
    assert_here(api, MP4)


def test_a_server_that_is_away_is_waited_for_as_long_as_it_says(
    api: httpx.Client, runtime: Runtime, there: Elsewhere, settings: Settings
) -> None:
    ask(api, there.url())

    def waits_s() -> float:
        before = datetime.now(UTC)
        work = go(runtime)
        assert (work.state, work.attempts) == ("pending", 0)
        return (work.not_before - before).total_seconds()

    there.answer = plain(429, retry_after="120")
    assert waits_s() == pytest.approx(120, abs=10)
    there.answer = plain(503, retry_after="999999")
    assert waits_s() == pytest.approx(3600, abs=10)
    there.answer = plain(500)
    assert waits_s() == pytest.approx(4 * settings.outage_backoff.total_seconds(), abs=10), "twice as long after each outage"
    there.answer = Shared(MP4, breaks_at=5000)
    assert waits_s() == pytest.approx(settings.outage_backoff.total_seconds(), abs=10), "but what brings something is no outage to it"


@pytest.mark.parametrize(("limit", "code"), [("max_upload_bytes", "too_large"), ("max_stored_bytes", "workspace_full")])
def test_what_is_too_large_fails_by_what_is_said_and_by_counting(
    api: httpx.Client, runtime: Runtime, there: Elsewhere, limit: str, code: str
) -> None:
    runtime = replace(runtime, settings=runtime.settings.model_copy(update={limit: 9000}))

    def undeclared(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(MP4)
        handler.close_connection = True

    for answer in (Shared(MP4, waits_at=0), undeclared):
        there.answer = answer
        ask(api, there.url())
        assert go(runtime).state == "failed"
        assert the_job(api)["error"]["code"] == code


NEVER = (
    (Shared(b"<!doctype html>" + bytes(5000), waits_at=4500), "not_a_video"),
    (plain(200, b"<!doctype html>"), "not_a_video"),
    (plain(200, b""), "empty_upload"),
    (plain(302, location="http://127.0.0.2/"), "address_refused"),
    (plain(302, location="http://169.254.169.254/latest/"), "address_refused"),
    (plain(302, location="file:///etc/passwd"), "address_refused"),
)


def test_what_is_no_video_or_lies_in_private_fails_at_once(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    for answer, code in NEVER:
        there.answer = answer
        ask(api, there.url())
        assert go(runtime).state == "failed"
        assert the_job(api)["error"]["code"] == code
    with runtime.sessions.begin() as session:
        assert session.query(UploadPart).count() == 0


def test_a_drip_is_broken_off_and_ends_the_job_after_so_many_attempts(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    quick = {"fetch_patience": timedelta(seconds=0.2), "fetch_least_rate": 10**6, "max_attempts": 2}
    runtime = replace(runtime, settings=runtime.settings.model_copy(update=quick))
    there.answer = file = Shared(MP4, waits_at=5000)
    ask(api, there.url())
    assert (go(runtime).state, the_job(api)["progress"]["bytes_done"]) == ("pending", 5000)
    file.waits_at = 0
    assert go(runtime).state == "failed"
    assert the_job(api)["error"]["code"] == "remote_too_slow"
    there.answer = Shared(MP4)
    api.post(f"/v1/jobs/{the_job(api)['id']}/retry")
    assert go(runtime).state == "done"
    assert_here(api, MP4)


def test_a_download_stops_when_nobody_wants_it_any_more(api: httpx.Client, runtime: Runtime, there: Elsewhere) -> None:
    there.answer = file = Shared(MP4, waits_at=5000)

    def meanwhile(act: Callable[[str], object]) -> None:
        there.book.clear()
        with runtime.sessions.begin() as session:
            work = newest(session)
        working = threading.Thread(target=fetch, args=(runtime, work.id))
        working.start()
        wait_until(lambda: there.book, "the download")
        act(str(work.job_id))
        wait_until(lambda: not working.is_alive(), "the download to stop", timeout_s=10)

    submitted = ask(api, there.url())
    meanwhile(lambda _: runtime.stop.tell())
    job = the_job(api)
    assert (job["status"], job["warnings"]) == ("processing", [])
    runtime = replace(runtime, stop=Stop())
    meanwhile(lambda job_id: api.post(f"/v1/jobs/{job_id}/cancel"))
    sweep(runtime)
    assert the_job(api)["status"] == "canceled"
    api.post(f"/v1/jobs/{job['id']}/retry")
    file.waits_at = None
    assert go(runtime).state == "done"
    assert_here(api, MP4)

    file.waits_at = 5000
    submitted = ask(api, there.url())
    meanwhile(lambda _: api.delete(f"/v1/videos/{submitted['video']['id']}"))
    assert len(api.get("/v1/videos").json()["data"]) == 1


REFUSED: tuple[tuple[Any, str], ...] = (
    ({"url": "http://10.0.0.1/a.mp4"}, "address_refused"),
    ({"url": "http://127.0.0.2/a.mp4"}, "address_refused"),
    ({"url": "http://user:pass@127.0.0.1/a.mp4"}, "address_refused"),
    ({"url": "ftp://example.com/a.mp4"}, "address_refused"),
    ({"url": "https://example.com/a.mp4", "colour": "red"}, "invalid_request"),
    ({"url": "https://example.com/a.mp4", "request": {"analyzer": "magic"}}, "invalid_request"),
    ({"url": 7}, "invalid_request"),
    ({}, "invalid_request"),
    ([], "invalid_request"),
    ("not JSON", "invalid_request"),
    ('{"url": "https://example.com/\\ud800"}', "invalid_request"),
)


def test_what_can_t_be_fetched_is_refused_at_once(api: httpx.Client, sessions: Sessions) -> None:
    for body, code in REFUSED:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = api.post("/v1/videos", content=content, headers={"Content-Type": "application/json; charset=utf-8"})
        assert (answer.status_code, answer.json()["code"]) == (422, code), body
        assert "pass" not in answer.text
    with sessions.begin() as session:
        assert (session.query(Video).count(), session.query(Job).count()) == (0, 0)


def test_a_url_s_secrets_are_told_nobody(api: httpx.Client, runtime: Runtime, there: Elsewhere, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask(api, there.url(f"/clip.mp4{SECRET}"))
    for answer in (
        plain(503),
        plain(302, location=f"/again{SECRET}"),
        lambda handler, _: handler.connection.shutdown(socket.SHUT_RDWR),
        plain(404),
    ):
        there.answer = answer
        api.post(f"/v1/jobs/{the_job(api)['id']}/retry")
        work = go(runtime)
        told = [api.get("/v1/jobs").text, api.get("/v1/videos").text, str(work.error)]
        assert not any("s3cr3t" in text for text in told)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert ours
    assert not any("s3cr3t" in line for line in ours)


def test_a_worker_killed_in_mid_download_is_followed_by_one_that_goes_on_by_range(
    api: httpx.Client, settings: Settings, runtime: Runtime, there: Elsewhere, tmp_path: Path
) -> None:
    def stored() -> int:
        with runtime.sessions.begin() as session:
            return newest(session).bytes_done

    there.answer = file = Shared(LONG, waits_at=18 * 1024**2)
    with worker(settings, tmp_path / "worker.log") as process:
        ask(api, there.url(f"/long.mp4{SECRET}"))
        wait_until(lambda: stored() > PART_BYTES, "two parts", timeout_s=90)
        process.kill()
        process.wait(10)
    there_by_then = stored()
    assert 0 < the_job(api)["progress"]["percent"] < 10
    file.waits_at = None
    with runtime.sessions.begin() as session:
        session.execute(update(Fetch).values(lease_until=func.clock_timestamp()))
    assert go(runtime).state == "done"
    assert [asked.headers.get("range") for asked in there.book] == [None, f"bytes={there_by_then}-"]
    assert_here(api, LONG)
    log = (tmp_path / "worker.log").read_text()
    assert "ready" in log
    assert "s3cr3t" not in log


class worker:  # noqa: N801 -- reads as the function that it stands for
    """A worker of the queue `transfer`, as it is deployed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        environment = {
            **os.environ,
            "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
            "PLAYHEAD_REDIS_URL": settings.redis_url.get_secret_value(),
            "PLAYHEAD_BLOBS_URL": settings.blobs_url,
            "PLAYHEAD_OUTBOUND_HTTP": "true",
            "PLAYHEAD_OUTBOUND_ALLOW": '["127.0.0.1/32"]',
        }
        with log.open("wb") as file:
            self._process = subprocess.Popen([sys.executable, *parts.TRANSFER], env=environment, stdout=file, stderr=file)

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
