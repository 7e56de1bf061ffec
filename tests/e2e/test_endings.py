"""Jobs that are canceled, videos that are deleted under way, and what needs no model."""

import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from playhead import ApiError, Client
from standalone.stack import Stack
from tests.e2e.test_bad_videos import blobs, decoders
from tests.e2e.truth import REQUEST
from tests.model_server.misbehaving import of_kind, slow, status
from tests.model_server.running import ModelServer
from tests.polling import wait_until
from tests.videos import make_video
from workers.model.gate import START

LONG_S = 10
"""How long a call takes that is to be in flight while something else happens."""

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "bikes.mp4"
SMALL_WINDOWS = {**REQUEST, "sampling": {"window_s": 12, "overlap_s": 4}}


def test_a_canceled_job_makes_no_further_call_and_keeps_what_was_found(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(slow(LONG_S))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    wait_until(lambda: client.job(uploaded.job.id).progress.windows_done >= 1, "the first window")
    called = wait_until(lambda: none_on_its_way(model), "a moment in which calls are made, and none is on its way")
    assert client.cancel(uploaded.job.id).status in {"canceling", "canceled"}
    job = client.wait(uploaded.job.id, timeout=90)
    assert job.status == "canceled"
    assert job.coverage is not None
    assert {gap.reason for gap in job.coverage.gaps} == {"canceled"}
    assert len(model.control.log()) == called
    assert job.usage.calls == len(model.control.log())
    assert not any(event.provisional for event in client.events(uploaded.video.id))


def none_on_its_way(model: ModelServer) -> int | None:
    """How many calls have come, if all that may be made at once have been in flight for a good while, and will be for another."""
    calls = model.control.log()
    under_way = [call["arrived_at"] for call in calls if call["finished_at"] is None]
    return len(calls) if under_way and max(under_way) < time.time() - 1.5 and min(under_way) > time.time() - LONG_S / 2 else None


def test_a_video_deleted_in_mid_job_is_gone_with_everything(client: Client, whole: Stack, model: ModelServer, video: Path) -> None:
    before = blobs(whole)
    model.control.always(slow(1))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    wait_until(lambda: client.job(uploaded.job.id).progress.windows_done >= 1, "the first window")
    client.delete_video(uploaded.video.id)
    with pytest.raises(ApiError) as gone:
        client.job(uploaded.job.id)
    assert gone.value.code == "not_found"
    wait_until(lambda: not decoders(whole), "the decoder to be stopped")
    wait_until(lambda: all(call["finished_at"] for call in model.control.log()), "the calls in flight")
    assert [event for event in client.events() if event.video_id == uploaded.video.id] == []
    wait_until(lambda: blobs(whole) == before, "the last blob to go")


def test_a_job_canceled_while_the_model_is_away_makes_no_further_call_and_ends(client: Client, model: ModelServer, video: Path) -> None:
    """Some windows are tried again in place, others are put off by a Retry-After far away."""
    model.control.always(status(503, retry_after="2"))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    wait_until(lambda: len(model.control.log()) >= 4, "the first refusals")
    client.cancel(uploaded.job.id)
    before = len(model.control.log())
    job = client.wait(uploaded.job.id, timeout=20)
    assert job.status == "canceled"
    called = len(model.control.log())
    assert called <= before + START, "those that had begun to be made"
    other = client.upload(SAMPLE, request={"analyzer": "signals"})
    assert client.wait(other.job.id, timeout=30).status == "succeeded"
    assert len(model.control.log()) == called


def test_calls_that_hang_keep_nobody_else_waiting(client: Client, model: ModelServer, video: Path) -> None:
    """As many calls as may be in flight hang, and whoever waits for one fills the model worker; cancels and questions that need no model go
    on all the same.
    """
    model.control.always(slow(60))
    uploaded = client.upload(video, request={**REQUEST, "sampling": {"window_s": 8, "overlap_s": 2}})
    wait_until(model.control.log, "a call that hangs")
    other = client.upload(SAMPLE, request={"analyzer": "signals"})
    assert client.wait(other.job.id, timeout=30).status == "succeeded"
    waiting = client.upload(SAMPLE, request=REQUEST)
    wait_until(lambda: client.job(waiting.job.id).stage == "sample", "a job that waits for the model")
    client.cancel(waiting.job.id)
    assert client.wait(waiting.job.id, timeout=20).status == "canceled"
    for stored in (uploaded.video, other.video, waiting.video):
        client.delete_video(stored.id)


def test_an_outage_of_the_model_costs_time_alone(client: Client, model: ModelServer, video: Path) -> None:
    """More refusals than one attempt makes tries, so that windows are put off and taken up again."""
    model.control.next(*[status(503)] * 12)
    uploaded = client.upload(video, request=REQUEST)
    job = client.wait(uploaded.job.id, timeout=90)
    assert (job.status, job.progress.windows_failed, job.usage.calls) == ("succeeded", 0, 2)


def test_a_refused_key_pauses_the_whole_queue_and_it_goes_on_by_itself(
    client: Client, whole: Stack, model: ModelServer, video: Path
) -> None:
    """Fifteen windows wait, and one call at a time tries whether the key works again, and then whether there is credit again."""

    def reason() -> str:
        ready = httpx.get(f"{whole.url}/readyz", timeout=10).json()
        paused = (ready["status"], ready["parts"]["model"]) == ("degraded", "paused")
        return str(ready["reasons"]["model"]) if paused else ""

    model.control.always(status(401))
    uploaded = client.upload(video, request=SMALL_WINDOWS)
    waiting = wait_until(lambda: client.job(uploaded.job.id).warnings, "the warning")
    assert [warning.code for warning in waiting] == ["model_paused"]
    assert "401" in waiting[0].detail
    wait_until(lambda: "401" in reason(), "readyz to say so")
    model.control.always(status(402))
    wait_until(lambda: "no credit" in reason(), "readyz to say the other reason")
    wait_until(lambda: len(model.control.log()) >= 8, "some tries")
    arrived = [call["arrived_at"] for call in model.control.log()]
    assert all(after - before > 0.5 for before, after in pairwise(arrived[4:])), "after the first, no two within the second of rest"
    model.control.honest()
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.progress.windows_failed) == ("succeeded", 0)


def test_replies_that_can_never_be_used_are_a_gap_with_its_reason(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(of_kind("broken"))
    uploaded = client.upload(video, request=REQUEST)
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "bad_reply"
    assert job.usage.calls == 2 * 14  # each window, its halves and its quarters, twice each
    assert sorted({call["seed"] for call in model.control.log()}) == [1, 2]


def test_the_signals_find_black_and_stillness_without_any_model(client: Client, model: ModelServer, tmp_path: Path) -> None:
    path = tmp_path / "signals.mp4"
    make_video(path, duration_s=30, black=[(10, 14)], frozen=[(20, 26)], events=[(3, 4, 6)])
    uploaded = client.upload(path, request={"analyzer": "signals"})
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "succeeded"
    assert model.control.log() == []
    found = {event.type: event for event in client.events(uploaded.video.id)}
    for kind, start_ms, end_ms in (("black", 10_000, 14_000), ("freeze", 20_000, 26_000)):
        event = found[kind]
        assert abs(event.start_ms - start_ms) <= event.start_uncertainty_ms <= 250, event
        assert abs(event.end_ms - end_ms) <= event.end_uncertainty_ms <= 250, event


def test_the_cuts_of_a_real_clip_are_found_within_their_uncertainty(client: Client) -> None:
    """The fifth lies right before the very last sampled frame."""
    uploaded = client.upload(SAMPLE, request={"analyzer": "signals"})
    assert client.wait(uploaded.job.id, timeout=60).status == "succeeded"
    cuts = list(client.events(uploaded.video.id, types=["shot_change"]))
    assert len(cuts) == 5
    for true_ms, cut in zip((1200, 3040, 5480, 7480, 9680), cuts, strict=True):
        assert abs(cut.start_ms - true_ms) <= cut.start_uncertainty_ms <= 260
