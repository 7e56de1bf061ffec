"""A job that wants fewer frames takes them from those that a job before it had sampled."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.frames import unpack
from core.request import Sampling
from core.settings import Settings
from db.models import Job, Segment, Video, Window
from db.session import Sessions
from tests.integration import rows
from tests.videos import make_video
from workers.planning import plan
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample

DENSE = Sampling(fps=4, window_s=8, overlap_s=2)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield replace(made, ring=lambda *_: None)
    made.sessions.engine.dispose()


@pytest.fixture
def video(sessions: Sessions, runtime: Runtime, tmp_path: Path) -> Video:
    """Twenty seconds, of which four are black."""
    made = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    make_video(tmp_path / "clip.mp4", duration_s=20, fps=20, black=[(6, 10)])
    runtime.blobs.put(made.blob_key, (tmp_path / "clip.mp4").read_bytes())
    return made


def sampled(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, sampling: Sampling, *, decodable: bool = True
) -> list[Window]:
    """A job's windows. Where the video is not `decodable`, its bytes go once the timeline is cut: whoever decodes then, fails."""
    job, first = rows.job(sessions, video, settings, analyzer="signals", sampling=sampling)
    plan(runtime, first.id)
    if not decodable:
        runtime.blobs.put(video.blob_key, b"gone")
    with sessions.begin() as session:
        segment_ids = [segment.id for segment in session.query(Segment).filter_by(job_id=job.id).order_by(Segment.seq)]
    for segment_id in segment_ids:
        sample(runtime, segment_id)
    with sessions.begin() as session:
        assert session.get_one(Job, job.id).status == "succeeded"
        return session.query(Window).filter_by(job_id=job.id).order_by(Window.seq).all()


@pytest.mark.parametrize("thin", [Sampling(fps=1, window_s=8, overlap_s=2), Sampling(fps=2, window_s=12, overlap_s=4)])
def test_a_coarser_job_decodes_nothing_and_gets_what_decoding_would_have_given(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, thin: Sampling
) -> None:
    fresh = rows.video(sessions, video.workspace_id, duration_ms=None)
    runtime.blobs.put(fresh.blob_key, runtime.blobs.get(video.blob_key))
    decoded = sampled(sessions, settings, runtime, fresh, thin)
    sampled(sessions, settings, runtime, video, DENSE)
    thinned = sampled(sessions, settings, runtime, video, thin, decodable=False)
    assert [window.frame_pts_ms for window in thinned] == [window.frame_pts_ms for window in decoded]
    for one, other in zip(thinned, decoded, strict=True):
        assert (one.start_ms, one.end_ms, one.gaps) == (other.start_ms, other.end_ms, other.gaps)
        assert [time for time, _ in unpack(runtime.blobs.get(str(one.frames_key)))] == one.frame_pts_ms
        for measured, again in zip(other.signals, one.signals, strict=True):
            assert again == pytest.approx(measured, abs=1.5)


@pytest.mark.parametrize(
    "other",
    [
        Sampling(fps=3, window_s=8, overlap_s=2),  # not all of its times are there
        Sampling(fps=8, window_s=8, overlap_s=2),  # more of them
        Sampling(fps=2, window_s=8, overlap_s=2, frame_tokens=100),  # smaller ones
    ],
)
def test_what_is_not_there_is_decoded(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, other: Sampling) -> None:
    sampled(sessions, settings, runtime, video, DENSE)
    assert sampled(sessions, settings, runtime, video, other)
    with pytest.raises(AssertionError, match="failed"):
        sampled(sessions, settings, runtime, video, other.model_copy(update={"overlap_s": 3}), decodable=False)


@pytest.mark.parametrize(("fps", "shown"), [(4, [7000, 7750]), (1, [7000])])
def test_frames_that_a_model_is_not_shown_are_there_for_the_next_job(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, fps: float, shown: list[int]
) -> None:
    still = DENSE.model_copy(update={"skip_static": True, "max_gap_s": 3})
    dense = sampled(sessions, settings, runtime, video, still)
    # Black from 6 to 10 s, nothing new from frame to frame: the last of the first window, one after 3 s, and the last before the change.
    assert [time for window in dense for time in window.shown if 6000 < time < 10_000] == [7750, 9000, 9750]
    again = still.model_copy(update={"fps": fps, "max_gap_s": 1})
    assert [time for time in sampled(sessions, settings, runtime, video, again, decodable=False)[0].shown if time > 6000] == shown


def test_frames_of_half_a_video_are_not_taken_for_all_of_it(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    dense = sampled(sessions, settings, runtime, video, DENSE)
    with sessions.begin() as session:
        session.delete(session.get_one(Window, dense[1].id))
    with pytest.raises(AssertionError, match="failed"):
        sampled(sessions, settings, runtime, video, Sampling(fps=1, window_s=8, overlap_s=2), decodable=False)


@pytest.mark.parametrize("again", [DENSE, Sampling(fps=1, window_s=8, overlap_s=2)])
def test_what_a_model_did_not_answer_is_no_gap_of_its_frames(
    sessions: Sessions, settings: Settings, runtime: Runtime, video: Video, again: Sampling
) -> None:
    dense = sampled(sessions, settings, runtime, video, DENSE)
    with sessions.begin() as session:
        session.query(Window).filter_by(id=dense[0].id).update({"gaps": [[0, 2000, "unreadable"], [2000, 4000, "bad_reply"]]})
    job, first = rows.job(sessions, video, settings, analyzer="signals", sampling=again)
    plan(runtime, first.id)
    with sessions.begin() as session:
        segment_ids = [segment.id for segment in session.query(Segment).filter_by(job_id=job.id)]
    for segment_id in segment_ids:
        sample(runtime, segment_id)
    with sessions.begin() as session:
        gaps = session.query(Window).filter_by(job_id=job.id, seq=0).one().gaps
    assert gaps == [[0, 2000, "unreadable"]]
