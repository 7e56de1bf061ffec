"""What a job could not analyse is analysed once it is retried, and only that."""

from pathlib import Path

import pytest

from playhead import ApiError, Client
from standalone.stack import Stack
from tests.e2e.test_bad_videos import blobs
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import broken_from, slow
from tests.model_server.running import ModelServer
from tests.polling import wait_until

SMALL_WINDOWS = {**REQUEST, "sampling": {"window_s": 12, "overlap_s": 4}}
BROKEN_FROM_MS = 60_000


def test_a_model_that_failed_for_half_of_the_video_is_asked_for_that_half_alone(
    client: Client, whole: Stack, model: ModelServer, video: Path
) -> None:
    model.control.always(broken_from(BROKEN_FROM_MS))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    partial = client.wait(uploaded.job.id, timeout=90)
    assert (partial.status, [gap.reason for gap in partial.coverage.gaps]) == ("partial", ["bad_reply"])
    answered = {call["offset_ms"] for call in model.control.log() if call["frames"][-1]["mark_ms"] < BROKEN_FROM_MS}
    assert len(answered) >= 6
    stored = blobs(whole)
    model.control.honest()
    model.control.clear()
    assert client.retry(uploaded.job.id).status == "processing"
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.coverage.ratio, job.error) == ("succeeded", 1.0, None)
    assert_true(list(client.events(uploaded.video.id)))
    assert all(call["frames"][-1]["mark_ms"] >= BROKEN_FROM_MS for call in model.control.log()), "calls for good windows: 0"
    assert len(model.control.log()) == job.usage.calls - partial.usage.calls
    assert blobs(whole) == stored, "nothing was decoded again"
    with pytest.raises(ApiError) as refused:
        client.retry(uploaded.job.id)
    assert refused.value.code == "nothing_to_retry"
    client.delete_video(uploaded.video.id)


def test_a_canceled_job_goes_on_where_it_was(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(slow(0.5))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    wait_until(lambda: client.job(uploaded.job.id).progress.windows_done >= 3, "the first windows")
    client.cancel(uploaded.job.id)
    canceled = client.wait(uploaded.job.id, timeout=60)
    assert canceled.status == "canceled"
    model.control.honest()
    client.retry(uploaded.job.id)
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(uploaded.video.id)))
    assert set(model.control.windows().values()) == {1}
    assert job.usage.calls == job.progress.windows_total == len(model.control.log())
    client.delete_video(uploaded.video.id)
