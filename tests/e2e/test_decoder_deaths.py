"""A video that kills every decoder fails by itself, in a worker that goes on."""

import signal
from pathlib import Path

import psutil
import pytest

from playhead import Client
from standalone.stack import Stack
from tests.e2e.test_bad_videos import decoders, pool_deaths
from tests.polling import wait_until
from tests.videos import make_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    make_video(tmp_path / "clip.mp4", duration_s=10)
    return tmp_path / "clip.mp4"


def test_a_video_whose_decoder_dies_each_time_fails_after_five_and_the_next_one_is_analysed(
    client: Client, whole: Stack, clip: Path
) -> None:
    worker, deaths = whole.pid("decode"), pool_deaths(whole)
    uploaded = client.upload(clip, request={"analyzer": "signals"})
    killed: set[int] = set()

    def failed() -> bool:
        for decoder in decoders(whole):
            # Once it is the decoder: before, it is a copy of the worker that has yet to become it.
            if decoder.pid not in killed and is_decoder(decoder):
                decoder.send_signal(signal.SIGSEGV)
                killed.add(decoder.pid)
        return client.job(uploaded.job.id).status == "failed"

    wait_until(failed, "the job to fail", timeout_s=90)
    job = client.job(uploaded.job.id)
    assert job.error is not None
    assert (job.error.code, len(killed)) == ("decoder_failed", 5)
    assert "SIGSEGV" in job.error.detail
    following = client.upload(clip, request={"analyzer": "signals"})
    assert client.wait(following.job.id, timeout=60).status == "succeeded"
    assert (whole.pid("decode"), pool_deaths(whole)) == (worker, deaths)
    for video in (uploaded.video, following.video):
        client.delete_video(video.id)


def is_decoder(process: psutil.Process) -> bool:
    try:
        return "workers.frames.sandbox.child" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
