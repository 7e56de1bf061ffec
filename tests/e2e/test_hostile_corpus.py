"""Hostile and broken files by the door that everybody uses: each ends in a clear verdict, the worker lives, and the next job runs."""

from pathlib import Path

import pytest

from playhead import ApiError, Client
from playhead.types import Job
from standalone.stack import Stack
from tests.corpus import REFUSED, SMALL, Specimen, corpus
from tests.e2e.test_bad_videos import decoders, pool_deaths
from tests.videos import make_video

# One of each sort; `tests/integration/frames/test_corpus.py` goes through all of them.
CHOSEN = (
    "faststart cut off at ",
    "fragmented cut off at ",
    "h264 zeroed from 0.4.mkv",
    "mpeg4 zeroed from 0.4.avi",
    "h264 flipped 2.mp4",
    "mpeg2 flipped 3.ts",
    "ffconcat absolute behind ftyp.mp4",
    "hls network as mpegts.mp4",
    "hls.mp4",
    "zip.mp4",
    "mp4 of noise.mp4",
    "wmv of zeros.wmv",
    "stsz of ffffffff.mp4",
    "duration inf cut off.mkv",
    "a million boxes.mp4",
    "mjpeg header 16000 x 16000.avi",
    "mjpeg inside 16000 x 16000.avi",
    "7680 x 4800.mp4",
    "no frames.mkv",
    "one frame.avi",
    "sound alone.ts",
    "longer than a day.mp4",
    "a video.m3u8",
)
VERDICTS = {"succeeded", "partial", "failed"}


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    everything = corpus(tmp_path_factory.mktemp("sound"))
    # Of the many places to cut a file off at, the one in the middle.
    found = [[specimen for specimen in everything if specimen.name.startswith(name)] for name in CHOSEN]
    assert all(found)
    return [some[len(some) // 2] for some in found]


@pytest.mark.timeout(400)  # two dozen jobs
def test_whatever_is_uploaded_ends_in_a_verdict_and_the_next_job_runs(
    client: Client, whole: Stack, tmp_path: Path, specimens: list[Specimen]
) -> None:
    worker, deaths = whole.pid("decode"), pool_deaths(whole)
    uploads, refused = {}, {}
    for specimen in specimens:
        try:
            uploads[specimen] = client.upload(specimen.write(tmp_path), request={"analyzer": "signals"})
        except ApiError as error:
            refused[specimen] = error
    assert all(error.status == 422 and error.code in specimen.codes for specimen, error in refused.items())
    assert len(uploads) > len(specimens) / 2
    for specimen, uploaded in uploads.items():
        check(specimen, client.wait(uploaded.job.id, timeout=120))
    assert decoders(whole) == []
    assert (whole.pid("decode"), pool_deaths(whole)) == (worker, deaths)
    make_video(tmp_path / "next.mp4", **SMALL)
    following = client.upload(tmp_path / "next.mp4", request={"analyzer": "signals"})
    assert client.wait(following.job.id, timeout=60).status == "succeeded"
    for video in (*(uploaded.video for uploaded in uploads.values()), following.video):
        client.delete_video(video.id)


def check(specimen: Specimen, job: Job) -> None:
    assert job.status in VERDICTS, f"{specimen.name}: {job.status}"
    if job.status == "failed":
        assert job.error is not None
        assert job.error.code in {*specimen.codes, *(("unreadable",) if specimen.codes == REFUSED else ())}, specimen.name
        assert job.error.detail
    if job.status == "partial":
        assert job.coverage is not None
        assert all(gap.reason and gap.start_ms < gap.end_ms for gap in job.coverage.gaps), specimen.name
        assert job.coverage.gaps, specimen.name
