"""Sampled frames stay for as long as they are to, and no job loses them meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.orm import undefer

from core.request import Sampling
from core.settings import Settings
from db import retries
from db.models import Job, Segment, Video, Window
from db.session import Sessions
from tests.conftest import serving
from tests.integration import rows
from tests.integration.test_settling import claim, finish, seen
from tests.videos import make_video
from workers.planning import plan
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample
from workers.sweeping import sweep

DAY = timedelta(days=1)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings.model_copy(update={"frames_kept": DAY}))
    yield replace(made, ring=lambda *_: None)
    made.sessions.engine.dispose()


@pytest.fixture
def video(sessions: Sessions, runtime: Runtime, tmp_path: Path, api_key: str) -> Video:
    """Ten seconds, of which four are black."""
    made = rows.video(sessions, rows.workspace(sessions))
    make_video(tmp_path / "clip.mp4", duration_s=10, fps=5, black=[(3, 7)])
    runtime.blobs.put(made.blob_key, (tmp_path / "clip.mp4").read_bytes())
    return made


def analysed(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> Job:
    job, first = rows.job(sessions, video, settings, analyzer="signals")
    plan(runtime, first.id)
    with sessions.begin() as session:
        segment_ids = [segment.id for segment in session.query(Segment).filter_by(job_id=job.id)]
    for segment_id in segment_ids:
        sample(runtime, segment_id)
    return job


def idle_for(sessions: Sessions, time: timedelta) -> None:
    with sessions.begin() as session:
        for video in session.query(Video):
            if video.frames_used_at:
                video.frames_used_at -= time


def frames(runtime: Runtime, video: Video) -> list[str]:
    return [key for key in runtime.blobs.keys(f"videos/{video.id}") if "/frames-" in key]


def test_frames_go_once_no_job_has_used_them_for_so_long_and_come_anew_when_asked_for(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, api_key: str
) -> None:
    first = analysed(sessions, settings, runtime, video)
    there = frames(runtime, video)
    assert there
    idle_for(sessions, DAY / 2)
    sweep(runtime)
    assert frames(runtime, video) == there
    idle_for(sessions, DAY)
    sweep(runtime)
    assert frames(runtime, video) == []
    assert runtime.blobs.size(video.blob_key)
    with serving(settings) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}) as client:
        [event] = client.get("/v1/events", params={"job_id": str(first.id), "type": "black"}).json()["data"]
        gone = client.get(event["evidence"]["frame_url"])
        assert (gone.status_code, gone.json()["code"]) == (410, "gone")
        second = analysed(sessions, settings, runtime, video)
        sweep(runtime)  # deletes the old ones once more
        [event] = client.get("/v1/events", params={"job_id": str(second.id), "type": "black"}).json()["data"]
        assert client.get(event["evidence"]["frame_url"]).status_code == 200
    assert frames(runtime, video)
    assert not set(frames(runtime, video)) & set(there)


def test_frames_that_an_open_job_uses_stay(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    analysed(sessions, settings, runtime, video)
    there = frames(runtime, video)
    job, _ = rows.job(sessions, video, settings)
    idle_for(sessions, 2 * DAY)
    sweep(runtime)
    assert frames(runtime, video) == there
    with sessions.begin() as session:
        assert session.query(Window).filter(Window.frames_key.is_(None)).count() == 0
        assert session.get_one(Video, video.id).frames_used_at is None, "until the open job has ended"
        assert session.get_one(Job, job.id).completed_at is None


def test_without_a_limit_they_stay_as_long_as_the_video(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    analysed(sessions, settings, runtime, video)
    idle_for(sessions, 5000 * DAY)
    sweep(replace(runtime, settings=settings))
    assert frames(runtime, video)


def test_a_retry_after_they_went_samples_again_only_what_wants_an_answer(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video
) -> None:
    job, first = rows.job(sessions, video, settings, sampling=Sampling(window_s=4, overlap_s=1))
    plan(runtime, first.id)
    with sessions.begin() as session:
        [segment_id] = [segment.id for segment in session.query(Segment).filter_by(job_id=job.id)]
    sample(runtime, segment_id)
    with sessions.begin() as session:
        [good, bad, worse] = session.query(Window).filter_by(job_id=job.id).order_by(Window.seq)
    finish(sessions, claim(sessions, good))
    finish(sessions, claim(sessions, bad), state="failed", detections=None, error={"code": "bad_reply", "detail": "a loop"})
    finish(sessions, claim(sessions, worse), gaps=[[7000, 9000, "bad_reply"]])
    idle_for(sessions, 2 * DAY)
    sweep(runtime)
    assert frames(runtime, video) == []
    with sessions.begin() as session:
        reopened = retries.retry(session, job.workspace_id, job.id, budget_usd=None, deadline=DAY)[1]
    assert (reopened.segments, reopened.windows) == ([segment_id], [])
    sample(runtime, segment_id)
    with sessions.begin() as session:
        states = {window.seq: (window.state, window.frames_key is not None) for window in session.query(Window).filter_by(job_id=job.id)}
    assert states == {0: ("done", False), 1: ("pending", True), 2: ("pending", True)}
    assert len(frames(runtime, video)) == 2
    for window in (bad, worse):
        finish(sessions, claim(sessions, window), gaps=[])
    with sessions.begin() as session:
        assert session.get_one(Job, job.id).status == "succeeded"


def test_what_the_model_said_goes_so_long_after_its_job_but_for_what_a_retry_needs(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video
) -> None:
    job, _ = rows.job(sessions, video, settings)
    for window in rows.planned(sessions, job, spans=[(0, 4000), (3000, 7000), (6000, 10_000)]):
        gaps = [[8000, 10_000, "bad_reply"]] if window.seq == 2 else []
        said = {"replies": [{"text": f"reply {window.seq}"}], "bad": {"loop": 1}}
        finish(sessions, claim(sessions, window), seen("car", window.start_ms, window.start_ms + 1000), raw_reply=said, gaps=gaps)
    patient = replace(runtime, settings=settings.model_copy(update={"replies_kept": DAY}))
    for ago, left in ((DAY / 2, [0, 1, 2]), (DAY, [2])):
        with sessions.begin() as session:
            session.get_one(Job, job.id).completed_at -= ago
        sweep(patient)
        with sessions.begin() as session:
            windows = session.query(Window).order_by(Window.seq).options(undefer(Window.raw_reply)).all()
            assert [window.seq for window in windows if window.raw_reply["replies"]] == left
            assert all(window.raw_reply["bad"] == {"loop": 1} and window.detections for window in windows)
    with sessions.begin() as session:
        retries.retry(session, job.workspace_id, job.id, budget_usd=None, deadline=DAY)
    finish(sessions, claim(sessions, windows[2]), gaps=[])
    with sessions.begin() as session:
        session.get_one(Job, job.id).completed_at -= 2 * DAY
    sweep(patient)
    with sessions.begin() as session:
        assert [window.raw_reply["replies"] for window in session.query(Window).options(undefer(Window.raw_reply))] == [[], [], []]
