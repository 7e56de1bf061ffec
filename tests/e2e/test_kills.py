"""`kill -9` in the middle, or a stop in good order, costs time, never results, and pays for no stored answer twice."""

import signal
import time
from pathlib import Path

import pytest

from playhead import Client
from standalone.stack import Stack
from tests.e2e.test_bad_videos import decoders
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import slow
from tests.model_server.running import ModelServer
from tests.polling import wait_until

STORED_S = 1  # an answer that came so long ago is stored

# Fifteen windows in eight segments, so that there is a middle.
SMALL_WINDOWS = {**REQUEST, "sampling": {"window_s": 12, "overlap_s": 4}}


@pytest.mark.parametrize("part", ["model", "decode"])
def test_a_worker_killed_in_mid_job_changes_nothing_but_the_time(
    client: Client, whole: Stack, model: ModelServer, video: Path, part: str
) -> None:
    model.control.always(slow(0.5))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    wait_until(lambda: client.job(uploaded.job.id).progress.windows_done >= 2, "the middle of the job")
    stored = {call["offset_ms"] for call in model.control.log() if call["finished_at"] and call["finished_at"] < time.time() - STORED_S}
    whole.kill(part)
    job = client.wait(uploaded.job.id, timeout=90)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(uploaded.video.id)))
    asked = model.control.windows()
    assert len(asked) == job.progress.windows_total == job.progress.windows_done
    assert job.usage.calls == len(asked)
    assert all(asked[offset_ms] == 1 for offset_ms in stored)
    if part == "decode":
        assert set(asked.values()) == {1}


@pytest.mark.parametrize("part", ["model", "decode"])
def test_a_worker_told_to_stop_hands_its_work_back_and_is_gone_long_before_its_calls_would_end(
    client: Client, whole: Stack, model: ModelServer, video: Path, part: str
) -> None:
    model.control.always(slow(0.5) if part == "decode" else slow(300))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    if part == "decode":
        wait_until(lambda: decoders(whole), "the decoder at work")
    else:
        wait_until(model.control.log, "the first call")
    whole.kill(part, signal.SIGTERM, within_s=30)  # ended, and started again by the supervisor
    model.control.honest()
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(uploaded.video.id)))
    client.delete_video(uploaded.video.id)
