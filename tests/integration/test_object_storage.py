"""The whole way of a video whose bytes lie in a real S3 server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from core.blobs import Blobs, upload_prefix
from core.errors import BlobsUnavailable
from core.settings import Settings
from db.models import Fetch, Plan, Segment, Video, Window
from db.session import Sessions
from tests.conftest import serving
from tests.integration.test_uploads import MP4
from tests.integration.tus.speaking import Tus
from tests.polling import wait_until
from tests.videos import make_video
from workers.fetching import fetch
from workers.planning import plan
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample
from workers.sweeping import sweep


@pytest.fixture
def remote(settings: Settings, s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"blobs_url": f"s3://playhead/{tmp_path.name}", "scratch_dir": tmp_path / "scratch"})


@pytest.fixture
def runtime(remote: Settings) -> Iterator[Runtime]:
    """One that waits until the bucket is there."""
    made = make_runtime(remote.model_copy(update={"segment_windows": 1}))
    wait_until(lambda: works(made), "the bucket to be there")
    yield made
    made.sessions.engine.dispose()


def works(runtime: Runtime) -> bool:
    try:
        runtime.blobs.check()
    except BlobsUnavailable:
        return False
    return True


def test_a_video_in_object_storage_is_fetched_once_and_analysed_and_its_media_comes_back(
    remote: Settings, runtime: Runtime, sessions: Sessions, api_key: str, tmp_path: Path
) -> None:
    make_video(tmp_path / "clip.mp4", duration_s=20, fps=5, black=[(4, 8)])
    bytes_ = (tmp_path / "clip.mp4").read_bytes()
    with serving(remote) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        uploaded = client.post("/v1/videos", content=bytes_, params={"request": '{"sampling": {"window_s": 8, "overlap_s": 2}}'}).json()
        video_id, job_id = uploaded["video"]["id"], uploaded["job"]["id"]
        with sessions.begin() as session:
            [planned] = session.query(Plan)
        plan(runtime, planned.id)
        with sessions.begin() as session:
            segments = session.query(Segment).order_by(Segment.seq).all()
        assert len(segments) == 3
        for segment in segments:
            sample(runtime, segment.id)
            # Whoever fetched the video again now would find another one.
            runtime.blobs.put(f"videos/{video_id}/source", b"changed")
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert (job["status"], job["progress"]["windows_done"]) == ("succeeded", 3), job
        [event] = client.get(f"/v1/videos/{video_id}/events", params={"type": "black"}).json()["data"]
        assert client.get(event["evidence"]["frame_url"]).content.startswith(b"\xff\xd8")
        with sessions.begin() as session:
            assert session.query(Window).filter_by(state="done").count() == 3
        assert client.delete(f"/v1/videos/{video_id}").status_code == 204
    assert runtime.blobs.keys(f"videos/{video_id}") == []


def test_an_upload_in_pieces_is_put_together_in_object_storage(
    remote: Settings, runtime: Runtime, sessions: Sessions, api_key: str
) -> None:
    pieced = remote.model_copy(update={"upload_part_bytes": 5000})
    with serving(pieced) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        tus = Tus(client)
        address = tus.begin(len(MP4))
        assert [tus.send(address, at, MP4[at : at + 7000]).status_code for at in (0, 7000)] == [204, 204]
    assert len(runtime.blobs.keys(upload_prefix(address.rpartition("/")[2]))) == 4
    with sessions.begin() as session:
        [work] = session.query(Fetch)
    fetch(runtime, work.id)
    sweep(runtime)
    with sessions.begin() as session:
        video = session.query(Video).one()
    assert (runtime.blobs.get(video.blob_key), video.sha256) == (MP4, hashlib.sha256(MP4).hexdigest())
    assert runtime.blobs.keys("") == [video.blob_key]


def test_a_bucket_that_is_not_there_is_a_storage_that_is_away(remote: Settings) -> None:
    with pytest.raises(BlobsUnavailable, match="bucket is not there"):
        Blobs("s3://nobody-made-this").get("videos/1/source")
