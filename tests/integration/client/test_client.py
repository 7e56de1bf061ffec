"""The client against a real server that does what servers do on bad days."""

import hashlib
import io
import itertools
import json
import os
import socket
import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Response

from playhead import ApiError, Client, ConnectionFailed, Job, PlayheadError, UnexpectedAnswer, WaitTimeout
from tests.integration.client.script import Script, breaks_off, event, job, listed, ok, problem, text

MB = 1024 * 1024
UPLOADED = ok({"video": {"id": "v1"}, "job": job("queued")}, 202)


class Unreachable(httpx.BaseTransport):
    """The first calls find nobody there; those after go through."""

    def __init__(self, times: int) -> None:
        self._left = times
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._left > 0:
            self._left -= 1
            raise httpx.ConnectError("Connection refused", request=request)
        return self._real.handle_request(request)

    def close(self) -> None:
        self._real.close()


# Retries


def test_a_busy_server_is_asked_again_and_no_sooner_than_it_said(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", problem(503, "database_unavailable", retry_after="1"), ok(job()))
    assert client.job("j1").status == "succeeded"
    first, second = (seen.at for seen in script.seen)
    assert second - first >= 1


def test_the_pauses_grow_where_the_server_names_none(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", *[problem(429, "rate_limited")] * 3, ok(job()))
    client.job("j1")
    pauses = [later.at - earlier.at for earlier, later in itertools.pairwise(script.seen)]
    assert len(pauses) == 3
    assert pauses[0] >= 0.125
    assert pauses[2] >= 0.5


def test_a_server_that_stays_busy_is_given_up_with_its_own_reason(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", problem(503, "database_unavailable", "The database is away.", retry_after="0"))
    with pytest.raises(ApiError, match="The database is away") as raised:
        client.job("j1")
    assert raised.value.code == "database_unavailable"
    assert len(script.seen) == 4


def test_nobody_sits_through_a_long_retry_after(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", problem(429, "rate_limited", retry_after="3600"))
    with pytest.raises(ApiError) as raised:
        client.job("j1")
    assert raised.value.retry_after_s == 3600
    assert len(script.seen) == 1


@pytest.mark.parametrize("status", [503, 429])
def test_what_makes_something_is_repeated_under_the_same_key_and_every_call_has_its_own(
    script: Script, client: Client, status: int
) -> None:
    script.on("/v1/videos/v1/jobs", problem(status, "busy", retry_after="0"), ok(job("queued"), 202))
    client.create_job("v1")
    client.create_job("v1")
    first, again, other = (seen.headers["idempotency-key"] for seen in script.seen)
    assert first == again != other


def test_a_file_is_sent_again_from_its_beginning_under_the_same_key(script: Script, client: Client) -> None:
    script.on("/v1/videos", problem(503, "busy", retry_after="0"), UPLOADED)
    stream = io.BytesIO(b"header" + b"video")
    stream.seek(6)
    client.upload(stream)
    assert [seen.sha256 for seen in script.seen] == [hashlib.sha256(b"video").hexdigest()] * 2
    assert len({seen.headers["idempotency-key"] for seen in script.seen}) == 1


def test_a_stream_that_can_be_read_only_once_is_sent_only_once(script: Script, client: Client) -> None:
    script.on("/v1/videos", problem(503, "busy", retry_after="0"))
    with pytest.raises(ApiError):
        client.upload(Zeros(10, tellable=False))
    assert script.paths() == ["POST /v1/videos"]


def test_what_is_still_being_carried_out_is_waited_for(script: Script, client: Client) -> None:
    script.on("/v1/videos/v1/jobs", problem(409, "idempotency_in_flight", retry_after="0"), ok(job("queued"), 202))
    assert client.create_job("v1").id == "j1"


def test_deleting_and_canceling_may_be_repeated(script: Script, client: Client) -> None:
    script.on("/v1/videos/v1", problem(503, "busy", retry_after="0"), ok({}))
    script.on("/v1/jobs/j1/cancel", problem(503, "busy", retry_after="0"), ok(job("canceling")))
    client.delete_video("v1")
    assert client.cancel("j1").status == "canceling"
    assert len(script.seen) == 4


def test_other_errors_are_not_asked_again(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", problem(500, "internal_error"))
    with pytest.raises(ApiError):
        client.job("j1")
    assert len(script.seen) == 1


def test_a_server_that_restarts_is_found_again(script: Script) -> None:
    script.on("/v1/jobs/j1", ok(job()))
    with Client(script.url, transport=Unreachable(2)) as client:
        assert client.job("j1").status == "succeeded"


def test_a_server_that_is_not_there_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url, tries=2) as client, pytest.raises(ConnectionFailed, match=r"Can't reach .*refused.*PLAYHEAD_URL"):
        client.job("j1")


def test_a_server_that_says_nothing_is_said_to_take_too_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with Client(url, timeout=0.2, tries=1) as client, pytest.raises(ConnectionFailed, match="took too long"):
            client.job("j1")


# Problems


def test_a_problem_is_carried_whole(script: Script, client: Client) -> None:
    errors = [{"field": "request.sampling.fps", "message": "too many"}]
    script.on("/v1/videos/v1/jobs", problem(422, "invalid_request", "request.sampling.fps: too many", errors=errors, invented_later=1))
    with pytest.raises(ApiError, match=r"request\.sampling\.fps: too many") as raised:
        client.create_job("v1", {"sampling": {"fps": 999}})
    error = raised.value
    assert (error.status, error.code, error.title, error.request_id) == (422, "invalid_request", "No", "req-1")
    assert error.errors == tuple(errors)
    assert error.problem.raw["invented_later"] == 1


def test_an_error_without_a_problem_points_to_the_address(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", text("<h1>Oops</h1>", 500))
    with pytest.raises(ApiError, match="500 Internal Server Error and gave no reason") as raised:
        client.job("j1")
    assert raised.value.code == "http_500"


def test_an_answer_of_another_program_points_to_the_address(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", text("<h1>Welcome to nginx</h1>"))
    with pytest.raises(UnexpectedAnswer, match="Check PLAYHEAD_URL"):
        client.job("j1")


def test_a_redirect_is_not_followed_with_the_key_but_told(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", text("", 301, Location="https://elsewhere.example/v1/jobs/j1"))
    with pytest.raises(ApiError, match=r"points on to https://elsewhere\.example"):
        client.job("j1")


# What servers of other versions send


def test_fields_and_values_of_a_newer_server_break_nothing(script: Script, client: Client) -> None:
    newer = job(
        "archived",
        completed_at="2031-01-01T00:00:00Z",
        mood="fine",
        progress={"percent": 100, "phase": 7},
        coverage={"gaps": [{"start_ms": 1, "end_ms": 2, "why": []}]},
    )
    script.on("/v1/jobs/j1", ok(newer))
    found = client.job("j1")
    assert found.ended
    assert found.completed_at == datetime(2031, 1, 1, tzinfo=UTC)
    assert [(gap.start_ms, gap.end_ms) for gap in found.coverage.gaps] == [(1, 2)]
    assert found.raw == newer


def test_what_an_older_server_does_not_send_has_its_default(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", ok(job("queued", coverage=None, error=None)))
    found = client.job("j1")
    assert (found.ended, found.coverage.gaps, found.progress.percent, found.error) == (False, (), 0, None)


def test_a_thing_without_its_id_is_not_believed(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", ok({"status": "queued"}))
    with pytest.raises(UnexpectedAnswer, match="job can't be read"):
        client.job("j1")


# Lists


def test_iterating_turns_the_pages_and_asks_for_no_more_than_needed(script: Script, client: Client) -> None:
    script.on("/v1/videos/v1/events", listed(event(1), event(2), next_cursor="c2"), listed(event(3)))
    found = client.events("v1", from_ms=0, to_ms=9000, types=["cut", "black"], limit=2)
    assert script.seen == []
    assert next(iter(found)).id == "e1"
    assert len(script.seen) == 1
    script.forget()
    script.on("/v1/videos/v1/events", listed(event(1), event(2), next_cursor="c2"), listed(event(3)))
    assert [one.id for one in found] == ["e1", "e2", "e3"]
    first, second = script.seen[-2:]
    assert first.query == {"from_ms": ["0"], "to_ms": ["9000"], "type": ["cut", "black"], "limit": ["2"]}
    assert second.query == {**first.query, "cursor": ["c2"]}


def test_pages_can_be_taken_one_by_one_from_a_cursor(script: Script, client: Client) -> None:
    script.on("/v1/events", listed(event(7), next_cursor=None))
    (page,) = client.events().pages("c6")
    assert (page.data[0].id, page.next_cursor) == ("e7", None)
    assert script.seen[0].query["cursor"] == ["c6"]


def test_an_id_is_one_piece_of_the_path_whatever_is_in_it(script: Script, client: Client) -> None:
    with pytest.raises(ApiError):
        client.video("../jobs/j1?x=1#y")
    assert script.paths() == ["GET /v1/videos/..%2Fjobs%2Fj1%3Fx%3D1%23y"]
    with pytest.raises(PlayheadError, match="not an id"):
        client.delete_video("")
    assert len(script.seen) == 1


# Waiting


def test_waiting_shows_each_step_and_ends_with_the_job(script: Script, client: Client) -> None:
    steps = [job("queued"), job("processing", progress={"percent": 50}), job("partial")]
    script.on("/v1/jobs/j1", *map(ok, steps))
    seen: list[Job] = []
    assert client.wait("j1", on_progress=seen.append).status == "partial"
    assert [(step.status, step.progress.percent) for step in seen] == [("queued", 0), ("processing", 50), ("partial", 0)]


def test_waiting_ends_in_time_and_hands_over_the_job_as_it_is(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", ok(job("processing")))
    with pytest.raises(WaitTimeout, match="still processing") as raised:
        client.wait("j1", timeout=0.3)
    assert raised.value.job.id == "j1"


def test_waiting_outlasts_a_restart_that_other_calls_give_up_on(script: Script) -> None:
    script.on("/v1/jobs/j1", *[problem(503, "unavailable", retry_after="0")] * 10, ok(job()))
    with Client(script.url) as client:
        with pytest.raises(ApiError):
            client.job("j1")
        assert client.wait("j1").status == "succeeded"


def test_the_server_is_asked_to_answer_when_the_job_has_ended_and_not_again_and_again(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1", ok(job("processing")), ok(job()))
    assert client.wait("j1", timeout=60).status == "succeeded"
    assert [seen.query for seen in script.seen] == [{"wait": ["30.0"]}] * 2


# Following


def news(id: str, kind: str, data: dict[str, Any]) -> bytes:
    return f"id: {id}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def test_following_goes_on_where_the_connection_broke(script: Script, client: Client) -> None:
    begun = news("1", "job", job("processing")) + b": still here\n\n" + news("2", "event", event(1)) + b"id: 3\nevent: wi"
    rest = news("3", "withdrawn", {"id": "e1", "object": "event"}) + b"retry: 1\n\n"
    script.on("/v1/jobs/j1/stream", breaks_off(begun, promised=9999), text(rest.decode()), text(news("4", "end", job()).decode()))
    heard = list(client.follow("j1"))
    assert [(one.id, one.kind) for one in heard] == [("1", "job"), ("2", "event"), ("3", "withdrawn"), ("4", "end")]
    assert (heard[0].job.status, heard[1].event.id, heard[2].event_id, heard[3].job.status) == ("processing", "e1", "e1", "succeeded")
    assert [seen.headers.get("last-event-id") for seen in script.seen] == [None, "2", "3"]


def test_nothing_new_of_a_job_that_has_ended_is_nothing(script: Script, client: Client) -> None:
    script.on("/v1/jobs/j1/stream", lambda: Response(status_code=204))
    assert list(client.follow("j1", last_id="4")) == []


def test_following_a_job_that_is_not_there_is_refused(script: Script, client: Client) -> None:
    with pytest.raises(ApiError, match="There is no"):
        list(client.follow("j1"))


# Bytes


class Zeros(io.RawIOBase):
    """So many bytes, made as they are read; `tellable` says whether their number is known before."""

    def __init__(self, size: int, *, tellable: bool) -> None:
        self._left, self._size, self._tellable = size, size, tellable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._tellable

    def tell(self) -> int:
        return self._size - self._left

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._left = self._size - offset if whence == os.SEEK_SET else -offset
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        piece = bytes(min(size, self._left))
        self._left -= len(piece)
        return piece


def test_a_file_is_sent_as_it_is_with_everything_else_in_the_query(script: Script, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "a street.mp4"
    file.write_bytes(os.urandom(MB))
    script.on("/v1/videos", UPLOADED)
    steps: list[tuple[int, int | None]] = []
    recorded = datetime(2026, 5, 1, 12, tzinfo=UTC)
    done = client.upload(
        file, request={"refine": False}, metadata={"camera": "ü"}, recorded_at=recorded, on_progress=lambda *step: steps.append(step)
    )
    assert (done.video.id, done.job.status) == ("v1", "queued")
    (seen,) = script.seen
    assert seen.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (seen.headers["content-length"], seen.headers["content-type"]) == (str(MB), "video/mp4")
    assert seen.headers["authorization"] == "Bearer key-1"
    assert json.loads(seen.query.pop("request")[0]) == {"refine": False}
    assert json.loads(seen.query.pop("metadata")[0]) == {"camera": "ü"}
    assert seen.query == {"recorded_at": ["2026-05-01T12:00:00+00:00"], "filename": ["a street.mp4"]}
    assert [sent for sent, _ in steps] == sorted({sent for sent, _ in steps})
    assert steps[-1] == (MB, MB)


@pytest.mark.parametrize("tellable", [True, False])
def test_a_large_stream_passes_in_little_memory(script: Script, client: Client, tellable: bool) -> None:
    script.refuse_unread("/v1/videos", UPLOADED)  # first once without reading, so that imports and buffers don't count
    client.upload(io.BytesIO(b"x"))
    script.unread.clear()
    tracemalloc.start()
    try:
        client.upload(Zeros(100 * MB, tellable=tellable), resumable=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert script.seen[-1].size == 100 * MB
    assert ("content-length" in script.seen[-1].headers) == tellable
    assert peak < 16 * MB


def test_an_open_file_is_sent_from_where_it_stands_and_stays_open(script: Script, client: Client) -> None:
    script.on("/v1/videos", UPLOADED)
    stream = io.BytesIO(b"header" + b"video")
    stream.seek(6)
    client.upload(stream)
    assert script.seen[0].sha256 == hashlib.sha256(b"video").hexdigest()
    assert not stream.closed


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(script: Script, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "shrinking.mp4"
    file.write_bytes(bytes(2 * MB))
    script.on("/v1/videos", UPLOADED)
    with pytest.raises(OSError, match="became shorter"):
        client.upload(file, on_progress=lambda sent, total: os.truncate(file, MB))


def test_a_file_that_grows_while_it_is_sent_is_sent_as_long_as_it_was(script: Script, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "growing.mp4"
    file.write_bytes(bytes(MB))
    script.on("/v1/videos", UPLOADED)
    client.upload(file, on_progress=lambda sent, total: os.truncate(file, 2 * MB))
    assert script.seen[0].size == MB


def test_a_refusal_in_mid_upload_is_heard(script: Script, client: Client) -> None:
    script.refuse_unread("/v1/videos", problem(413, "too_large", "At most 1 GB."))
    with pytest.raises(ApiError, match="At most 1 GB"):
        client.upload(Zeros(64 * MB, tellable=True), resumable=False)


def offset(number: int, *, length: int = 10, status: int = 200) -> Callable[[], Response]:
    return lambda: Response(status_code=status, headers={"Upload-Offset": str(number), "Upload-Length": str(length)})


PENDING = ok({"id": "u1", "state": "whole", "video": {"id": "v1"}, "job": job("queued")})


def test_an_upload_that_breaks_off_goes_on_where_the_server_has_it(script: Script, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "street.mp4"
    file.write_bytes(b"0123456789")
    script.on("/v1/uploads", lambda: Response(status_code=201, headers={"Location": "/v1/uploads/u1"}))
    broken = [problem(503, "unavailable", retry_after="0"), offset(4), problem(409, "offset_mismatch"), offset(7)]
    script.on("/v1/uploads/u1", offset(0), *broken, offset(10, status=204), PENDING)
    begun, steps = [], []
    about = {"title": "ü", "request": {"refine": True}}
    done = client.upload(file, resumable=True, on_begun=begun.append, on_progress=lambda *step: steps.append(step), **about)
    assert (done.video.id, done.job.status, begun, steps[-1]) == ("v1", "queued", ["u1"], (10, 10))
    created, *seen = script.seen
    said = dict(pair.split() for pair in created.headers["upload-metadata"].split(","))
    assert {name: b64decode(value).decode() for name, value in said.items()} == {
        "title": "ü",
        "request": '{"refine": true}',
        "filename": "street.mp4",
    }
    assert [one.method for one in seen] == ["HEAD", "PATCH", "HEAD", "PATCH", "HEAD", "PATCH", "GET"]
    for one, rest in zip([one for one in seen if one.method == "PATCH"], (b"0123456789", b"456789", b"789"), strict=True):
        assert one.sha256 == hashlib.sha256(rest).hexdigest()
    assert {one.headers["tus-resumable"] for one in seen[:-1]} == {"1.0.0"}


def test_an_upload_is_taken_up_again_by_its_id_and_for_its_own_file_alone(script: Script, client: Client) -> None:
    script.on("/v1/uploads/u1", offset(4), offset(10, status=204), PENDING, offset(4, length=11))
    client.upload(io.BytesIO(b"0123456789"), resume="u1")
    assert script.seen[1].sha256 == hashlib.sha256(b"456789").hexdigest()
    with pytest.raises(PlayheadError, match="another one"):
        client.upload(io.BytesIO(b"0123456789"), resume="u1")


def test_an_upload_that_gets_nowhere_is_given_up(script: Script, client: Client) -> None:
    refused = problem(413, "too_large", "At most 1 GB.")
    script.on("/v1/uploads/u1", offset(0), refused)
    with pytest.raises(ApiError, match="At most 1 GB"):
        client.upload(io.BytesIO(b"0123456789"), resume="u1")
    assert len(script.seen) == 2


def test_a_download_appears_only_when_it_is_whole(script: Script, client: Client, tmp_path: Path) -> None:
    script.on("/v1/videos/v1/media", breaks_off(b"half", promised=8), text("all of it"))
    target = tmp_path / "video.mp4"
    with pytest.raises(ConnectionFailed, match="broke"):
        client.media("v1", target)
    assert list(tmp_path.iterdir()) == []
    assert client.media("v1", target) == 9
    assert target.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_that_is_refused_leaves_the_old_file_alone(script: Script, client: Client, tmp_path: Path) -> None:
    target = tmp_path / "video.mp4"
    target.write_text("old")
    with pytest.raises(ApiError, match="There is no"):
        client.media("v1", target)
    assert target.read_text() == "old"


def test_a_frame_is_its_bytes(script: Script, client: Client) -> None:
    script.on("/v1/events/e1/frame.jpg", text("jpeg"))
    assert client.frame("e1") == b"jpeg"
