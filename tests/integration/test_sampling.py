"""When a segment is decoded, and when it isn't."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.settings import Settings
from db import jobs
from db.models import Event, Job, Segment, Video, Window
from db.session import Sessions
from tests.integration import rows
from tests.polling import wait_until
from tests.videos import make_video
from workers.frames.frame import SampledWindow
from workers.frames.sampler import Limits, Sampler
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """One that rings for nobody: what it would have rung for is looked at in the rows."""
    made = make_runtime(settings.model_copy(update={"windows_ahead": 2}))
    yield replace(made, ring=lambda *_: None)
    made.sessions.engine.dispose()


@pytest.fixture
def video(sessions: Sessions, runtime: Runtime, tmp_path: Path) -> Video:
    """Thirty seconds, whose bytes are in the storage."""
    made = rows.video(sessions, rows.workspace(sessions), duration_ms=30_000)
    make_video(tmp_path / "clip.mp4", duration_s=30, fps=5)
    runtime.blobs.put(made.blob_key, (tmp_path / "clip.mp4").read_bytes())
    return made


def segment(sessions: Sessions, job: Job) -> Segment:
    with sessions.begin() as session:
        made = Segment(workspace_id=job.workspace_id, job_id=job.id, seq=1, windows=[[5, 10_000, 20_000], [6, 18_000, 30_000]])
        session.add(made)
    return made


def states(sessions: Sessions, job: Job) -> dict[int, str]:
    with sessions.begin() as session:
        return {window.seq: window.state for window in session.query(Window).filter_by(job_id=job.id)}


def test_a_segment_s_windows_are_stored_with_their_frames(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    job, _ = rows.job(sessions, video, settings)
    work = segment(sessions, job)
    sample(runtime, work.id)
    assert states(sessions, job) == {5: "pending", 6: "pending"}
    with sessions.begin() as session:
        for window in session.query(Window).filter_by(job_id=job.id):
            assert len(window.frame_pts_ms) == len(window.signals) >= 10
            assert runtime.blobs.size(window.frames_key) > 5_000
        assert session.get_one(Segment, work.id).state == "done"


def test_decoding_pauses_while_enough_windows_wait_for_an_answer(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video
) -> None:
    job, _ = rows.job(sessions, video, settings)
    rows.planned(sessions, job, spans=[(0, 8_000), (6_000, 12_000)])
    work = segment(sessions, job)
    sample(runtime, work.id)
    assert states(sessions, job) == {0: "pending", 1: "pending"}
    with sessions.begin() as session:
        paused = session.get_one(Segment, work.id)
        assert (paused.state, paused.attempts) == ("pending", 0)
        session.query(Window).filter_by(job_id=job.id, seq=0).update({"state": "done"})
        paused.not_before = paused.created_at
    sample(runtime, work.id)
    assert states(sessions, job) == {0: "done", 1: "pending", 5: "pending", 6: "pending"}


def test_frames_that_another_job_had_sampled_the_same_way_are_used_again(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video
) -> None:
    first, _ = rows.job(sessions, video, settings)
    sample(runtime, segment(sessions, first).id)
    runtime.blobs.put(video.blob_key, b"gone")  # whoever decodes now fails
    second, _ = rows.job(sessions, video, settings, kinds=("person",))
    with sessions.begin() as session:
        session.query(Window).filter_by(job_id=first.id).update({"state": "done"})
    sample(runtime, segment(sessions, second).id)
    assert states(sessions, second) == {5: "pending", 6: "pending"}


def test_where_no_model_is_asked_a_window_is_done_with_its_frames_and_shown(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, tmp_path: Path
) -> None:
    rung: list[object] = []
    make_video(tmp_path / "black.mp4", duration_s=30, fps=5, black=[(12, 16)])
    runtime.blobs.put(video.blob_key, (tmp_path / "black.mp4").read_bytes())
    job, _ = rows.job(sessions, video, settings, analyzer="signals", kinds=())
    sample(replace(runtime, ring=lambda *message: rung.append(message)), segment(sessions, job).id)
    assert (states(sessions, job), rung) == ({5: "done", 6: "done"}, [])
    with sessions.begin() as session:
        events = [event for event in session.query(Event).filter_by(job_id=job.id) if event.type == "black"]
        assert [(event.provisional, event.start_ms // 1000, event.end_ms // 1000) for event in events] == [(True, 11, 15)]


CANCELED_WITHIN_S = 2.0


class FreezingSampler(Sampler):
    """One whose decoder hangs once it has given its first window."""

    def sample(self, *asked: Any, **how: Any) -> Iterator[SampledWindow]:
        for window in super().sample(*asked, **how):
            for decoder in decoders():
                decoder.suspend()
            yield window


def decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "workers.frames.sandbox.child" in commands(child)]


def commands(process: psutil.Process) -> list[str]:
    """None of one that has ended."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def test_a_canceled_job_s_decoder_is_gone_within_two_seconds_whatever_it_does(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video
) -> None:
    job, _ = rows.job(sessions, video, settings)
    work = segment(sessions, job)
    hanging = replace(runtime, sampler=FreezingSampler(Limits.of(settings)))
    worker = threading.Thread(target=sample, args=(hanging, work.id), daemon=True)
    worker.start()
    wait_until(
        lambda: [one for one in decoders() if one.status() == psutil.STATUS_STOPPED] and states(sessions, job), "the decoder to hang"
    )
    with sessions.begin() as session:
        jobs.cancel(session, job.workspace_id, job.id)
    canceled = time.monotonic()
    wait_until(lambda: not decoders(), "the decoder to be gone")
    assert time.monotonic() - canceled <= CANCELED_WITHIN_S + 0.5  # for a busy machine
    worker.join(10)
    assert not worker.is_alive()
    assert states(sessions, job) == {5: "canceled"}
