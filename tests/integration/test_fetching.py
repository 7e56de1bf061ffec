"""A video whose bytes came in pieces: joined by a worker, byte for byte, and then planned as any other."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, update
from uuid_utils.compat import uuid7

from core.blobs import Blobs, part_key, source_key, upload_prefix
from core.queue import FETCH, PLAN
from core.request import JobRequest
from core.settings import Settings
from db import jobs, keys, uploads
from db.leases import LeaseLost
from db.models import DoomedBlobs, Fetch, Job, Plan, Upload, UploadPart, Video
from db.session import Sessions
from db.uploads import Piece
from tests.integration.mortal import Fate, MortalRing
from tests.integration.test_uploads import MP4
from workers.fetching import fetch
from workers.runtime import Runtime, make_runtime
from workers.sweeping import sweep

KEPT = timedelta(hours=1)


@pytest.fixture
def runtime(settings: Settings, sessions: Sessions) -> Runtime:
    return replace(make_runtime(settings), sessions=sessions, ring=MortalRing(Fate(None)))


@pytest.fixture
def workspace_id(sessions: Sessions, api_key: str) -> UUID:
    with sessions.begin() as session:
        key = keys.find(session, api_key)
        assert key is not None
        return key.workspace_id


def arrive(runtime: Runtime, workspace_id: UUID, pieces: Sequence[bytes]) -> tuple[UUID, UUID]:
    """An upload that is whole; the ids of its video and of its fetch."""
    video_id, request = uuid7(), JobRequest(analyzer="signals").resolved(runtime.settings)
    with runtime.sessions.begin() as session:
        upload = uploads.create(session, workspace_id, kept=KEPT)
    at = 0
    for data in pieces:
        piece = Piece(len(data), part_key(upload.id, at))
        runtime.blobs.put(piece.blob_key, data)
        with runtime.sessions.begin() as session:
            assert uploads.count(session, upload.id, at=at, added=[piece], kept=KEPT)
        at += len(data)
    with runtime.sessions.begin() as session:
        video = Video(id=video_id, workspace_id=workspace_id, blob_key=source_key(video_id))
        session.add(video)
        session.flush()
        job, work = jobs.expect(session, video, request.model_dump(mode="json"), deadline=KEPT, upload_id=upload.id, bytes_total=at)
        session.execute(update(Upload).where(Upload.id == upload.id).values(state="whole", length=at, video_id=video_id, job_id=job.id))
    return video_id, work.id


def halves(data: bytes) -> list[bytes]:
    return [data[:5], data[5:]]


def the_job(sessions: Sessions) -> Job:
    with sessions.begin() as session:
        return session.query(Job).one()


def pass_time(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(update(Upload).values(expires_at=func.clock_timestamp()))


def test_pieces_are_joined_and_the_plan_follows(runtime: Runtime, workspace_id: UUID) -> None:
    video_id, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    assert the_job(runtime.sessions).stage == "fetch"
    fetch(runtime, fetch_id)
    fetch(runtime, fetch_id)  # a message that comes twice
    with runtime.sessions.begin() as session:
        video, plan, work = session.get_one(Video, video_id), session.query(Plan).one(), session.get_one(Fetch, fetch_id)
        assert (video.sha256, video.bytes, video.media_type) == (hashlib.sha256(MP4).hexdigest(), len(MP4), "video/mp4")
        assert (work.state, work.bytes_done, work.bytes_total) == ("done", len(MP4), len(MP4))
        assert (session.query(Upload).one().state, session.query(UploadPart).count()) == ("done", 0)
    job = the_job(runtime.sessions)
    assert (job.status, job.stage, plan.state) == ("processing", "plan", "pending")
    assert runtime.ring.rung == [(PLAN, plan.id)]  # type: ignore[attr-defined]
    assert runtime.blobs.get(source_key(video_id)) == MP4
    sweep(runtime)
    assert runtime.blobs.keys("") == [source_key(video_id)], "the pieces are deleted"


def test_pieces_that_make_no_video_fail_the_job_with_the_reason(runtime: Runtime, workspace_id: UUID) -> None:
    _, fetch_id = arrive(runtime, workspace_id, halves(b"a text, and no video at all"))
    fetch(runtime, fetch_id)
    job = the_job(runtime.sessions)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("failed", "not_a_video")
    assert runtime.ring.rung == []  # type: ignore[attr-defined]


def test_a_storage_that_lacks_a_piece_is_waited_for(runtime: Runtime, workspace_id: UUID) -> None:
    _, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    with runtime.sessions.begin() as session:
        key = session.query(UploadPart).filter_by(start=5).one().blob_key
    runtime.blobs.delete(key)
    fetch(runtime, fetch_id)
    job = the_job(runtime.sessions)
    assert (job.status, [warning["code"] for warning in job.warnings]) == ("processing", ["blobs_unavailable"])
    with runtime.sessions.begin() as session:
        work = session.get_one(Fetch, fetch_id)
        assert (work.state, work.attempts, work.outages) == ("pending", 0, 1)


def test_what_is_asked_of_a_video_before_its_bytes_are_there_is_a_409(api: httpx.Client, runtime: Runtime, workspace_id: UUID) -> None:
    video_id, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    for answer in (api.get(f"/v1/videos/{video_id}/media"), api.post(f"/v1/videos/{video_id}/jobs")):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_arrived")
    video = api.get(f"/v1/videos/{video_id}").json()
    assert (video["sha256"], video["bytes"], video["media_type"]) == (None, None, None)
    [job] = api.get("/v1/jobs").json()["data"]
    assert (job["status"], job["stage"]) == ("queued", "fetch")
    assert job["progress"] == {
        "percent": 0,
        "bytes_done": 0,
        "bytes_total": len(MP4),
        "windows_total": None,
        "windows_done": 0,
        "windows_failed": 0,
    }
    with runtime.sessions.begin() as session:
        session.get_one(Fetch, fetch_id).bytes_done = len(MP4) // 2
    assert api.get(f"/v1/jobs/{job['id']}").json()["progress"]["percent"] == pytest.approx(5, abs=0.1)


def test_a_canceled_arrival_is_no_video_until_it_is_retried(api: httpx.Client, runtime: Runtime, workspace_id: UUID) -> None:
    video_id, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    job_id = the_job(runtime.sessions).id
    api.post(f"/v1/jobs/{job_id}/cancel")
    fetch(runtime, fetch_id)
    sweep(runtime)
    assert the_job(runtime.sessions).status == "canceled"
    for answer in (api.get(f"/v1/videos/{video_id}/media"), api.post(f"/v1/videos/{video_id}/jobs")):
        assert (answer.status_code, answer.json()["code"], answer.json()["job_id"]) == (409, "never_read", str(job_id))
    assert api.post(f"/v1/jobs/{job_id}/retry").json()["stage"] == "fetch"
    fetch(runtime, fetch_id)
    assert runtime.blobs.get(source_key(video_id)) == MP4


def test_what_was_uploaded_stays_while_a_job_needs_it_and_goes_when_nobody_does(
    api: httpx.Client, runtime: Runtime, workspace_id: UUID
) -> None:
    _, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    job_id = the_job(runtime.sessions).id
    pass_time(runtime.sessions)
    sweep(runtime)
    assert runtime.ring.rung == [(FETCH, fetch_id)]  # type: ignore[attr-defined]
    assert len(runtime.blobs.keys("uploads")) == 2
    api.post(f"/v1/jobs/{job_id}/cancel")
    sweep(runtime)
    sweep(runtime)
    assert runtime.blobs.keys("") == []
    api.post(f"/v1/jobs/{job_id}/retry")
    fetch(runtime, fetch_id)
    job = the_job(runtime.sessions)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("failed", "gone")


def test_a_video_deleted_before_it_is_there_takes_its_pieces_along(api: httpx.Client, runtime: Runtime, workspace_id: UUID) -> None:
    video_id, fetch_id = arrive(runtime, workspace_id, halves(MP4))
    assert api.delete(f"/v1/videos/{video_id}").status_code == 204
    fetch(runtime, fetch_id)
    sweep(runtime)
    assert runtime.blobs.keys("") == []
    with runtime.sessions.begin() as session:
        assert [session.query(kind).count() for kind in (Upload, UploadPart, Fetch, Job)] == [0] * 4


def test_bytes_count_once_and_in_their_place(sessions: Sessions, workspace_id: UUID) -> None:
    with sessions.begin() as session:
        upload = uploads.create(session, workspace_id, kept=KEPT)
    first, other, second = Piece(10, "a"), Piece(7, "b"), Piece(5, "c")
    offsets = []
    for at, piece in ((0, first), (0, other), (0, first), (7, second), (10, second)):
        with sessions.begin() as session:
            counted = uploads.count(session, upload.id, at=at, added=[piece], kept=KEPT)
            offsets.append(counted.offset if counted else None)
    assert offsets == [10, None, 10, None, 15], "whoever counts late changes nothing, and whoever counts twice hears that it did"
    with sessions.begin() as session:
        assert uploads.pieces(session, upload.id) == [first, second]
        uploads.end(session, upload)
    with sessions.begin() as session:
        assert uploads.count(session, upload.id, at=15, added=[Piece(1, "d")], kept=KEPT) is None
        uploads.expire(session)
        assert [row.prefix for row in session.query(DoomedBlobs)] == [upload_prefix(upload.id)]


def test_a_write_that_breaks_off_leaves_nothing(settings: Settings) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"a" * 9_000_000
        raise LeaseLost

    blobs = Blobs(settings.blobs_url)
    with pytest.raises(LeaseLost):
        blobs.write("videos/x/source", breaking())
    assert blobs.keys("") == []
