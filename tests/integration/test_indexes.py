"""What planning finds out about a video is kept beside it, for those who decode it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.blobs import Blobs, index_key
from core.errors import BlobsUnavailable
from core.request import Sampling
from core.settings import Settings
from db import videos
from db.models import Segment, Video, Window
from db.session import Sessions
from tests.integration import rows
from tests.videos import make_video
from workers.planning import plan
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample
from workers.sweeping import sweep


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield replace(made, ring=lambda *_: None)
    made.sessions.engine.dispose()


@pytest.fixture
def video(sessions: Sessions, runtime: Runtime, tmp_path: Path) -> Video:
    made = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    make_video(tmp_path / "clip.mp4", duration_s=10, fps=5)
    runtime.blobs.put(made.blob_key, (tmp_path / "clip.mp4").read_bytes())
    return made


def analysed(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> list[int]:
    """The times of the frames of a new job's only window, which are sampled as no other job's."""
    tokens = 32 + runtime.sessions.run(lambda session: session.query(Window).count())
    job, first = rows.job(sessions, video, settings, analyzer="signals", sampling=Sampling(fps=1, frame_tokens=tokens))
    plan(runtime, first.id)
    with sessions.begin() as session:
        (segment,) = session.query(Segment).filter_by(job_id=job.id)
    sample(runtime, segment.id)
    with sessions.begin() as session:
        return session.query(Window).filter_by(job_id=job.id).one().frame_pts_ms


def test_it_comes_with_the_plan_and_goes_with_the_video(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    assert analysed(sessions, settings, runtime, video)
    assert runtime.blobs.size(index_key(video.id)) < 2000
    with sessions.begin() as session:
        videos.remove(session, video.workspace_id, video.id, again_after=timedelta(0))
    sweep(runtime)
    assert runtime.blobs.keys(f"videos/{video.id}") == []


def test_one_that_is_lost_or_damaged_is_made_anew(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    times = analysed(sessions, settings, runtime, video)
    key = index_key(video.id)
    sound = runtime.blobs.get(key)
    for damaged in (None, b"", b"damaged"):
        if damaged is None:
            with runtime.blobs.local(key) as path:
                path.unlink()
        else:
            runtime.blobs.put(key, damaged)
        assert analysed(sessions, settings, runtime, video) == times
        assert runtime.blobs.get(key) == sound


class Unlucky(Blobs):
    """Keeps everything but indexes."""

    def get(self, key: str) -> bytes:
        return super().get(self._lucky(key))

    def put(self, key: str, data: bytes) -> None:
        super().put(self._lucky(key), data)

    def _lucky(self, key: str) -> str:
        if key.endswith("/index"):
            raise BlobsUnavailable("Not this one.")
        return key


def test_where_it_cannot_be_kept_nothing_is_lost_but_time(sessions: Sessions, settings: Settings, runtime: Runtime, video: Video) -> None:
    unlucky = replace(runtime, blobs=Unlucky(settings.blobs_url))
    assert analysed(sessions, settings, unlucky, video) == analysed(sessions, settings, runtime, video)
