"""A video in, timestamped events out, through every real part."""

from pathlib import Path

import cv2
import numpy as np

from playhead import Client
from tests.e2e.conftest import DURATION_MS
from tests.e2e.truth import REQUEST, assert_true
from tests.marks import read
from tests.model_server.misbehaving import of_kind, slow
from tests.model_server.running import ModelServer
from tests.polling import wait_until


def test_the_events_drawn_are_the_events_found(client: Client, model: ModelServer, video: Path) -> None:
    uploaded = client.upload(video, request=REQUEST)
    job = client.wait(uploaded.job.id, timeout=60)
    assert (job.status, job.error, job.warnings) == ("succeeded", None, ())
    assert (job.coverage.ratio, job.coverage.gaps) == (1.0, ())
    events = list(client.events(uploaded.video.id))
    assert_true(events)
    assert not any(event.provisional for event in events)
    _the_right_frames_went_out_with_the_right_times(model)
    assert job.usage.calls == len(model.control.log()) == 2
    assert abs(job.usage.cost_usd - model.control.cost_usd()) < 1e-7
    _queries_return_exactly_what_they_should(client, uploaded.video.id)
    for event in events:
        mark = read(cv2.imdecode(np.frombuffer(client.frame(event.id), np.uint8), cv2.IMREAD_COLOR))
        assert mark is not None
        assert mark.time_ms == event.evidence.pts_ms
        assert mark.bits >> int(event.type[-1]) & 1


def _the_right_frames_went_out_with_the_right_times(model: ModelServer) -> None:
    asked = sorted(model.control.log(), key=lambda entry: entry["offset_ms"])
    assert [entry["offset_ms"] for entry in asked] == [0, 56_000]
    assert all(entry["times_ok"] and entry["auth_ok"] for entry in asked)
    shown = [[frame["mark_ms"] for frame in entry["frames"]] for entry in asked]
    assert shown[0] == list(range(0, 64_000, 1000))
    assert shown[1] == [*range(56_000, DURATION_MS, 1000), 119_900]  # the last frame of a video is always looked at


def _queries_return_exactly_what_they_should(client: Client, video_id: str) -> None:
    def found(**query: object) -> list[str]:
        return [f"{event.type}@{event.start_ms // 1000}" for event in client.events(video_id, **query)]  # type: ignore[arg-type]

    assert found(at_ms=9_000) == ["mark_0@3", "mark_1@8"]
    assert found(at_ms=12_500) == []
    assert found(at_ms=60_000) == ["mark_2@50", "mark_0@58"]
    assert found(from_ms=16_000, to_ms=51_000) == ["mark_0@14", "mark_2@50"]
    assert found(from_ms=12_000, to_ms=62_000, match="within") == ["mark_0@14", "mark_0@58"]
    assert found(from_ms=12_000, to_ms=62_000, match="starts", types=["mark_2"]) == ["mark_2@50"]
    assert found(sort="-start_ms", limit=2)[:2] == ["mark_1@100", "mark_0@58"]


def test_events_are_there_before_the_job_ends(client: Client, model: ModelServer, video: Path) -> None:
    model.control.next(of_kind("honest"), slow(5))
    uploaded = client.upload(video, request=REQUEST)
    early = wait_until(lambda: list(client.events(uploaded.video.id)), "the first window's events")
    assert client.job(uploaded.job.id).status == "processing"
    assert all(event.provisional for event in early)
    assert client.wait(uploaded.job.id, timeout=60).status == "succeeded"
    final = list(client.events(uploaded.video.id))
    assert_true(final)
    assert {event.id for event in early} <= {event.id for event in final}


def test_a_second_question_uses_the_frames_that_are_there(client: Client, model: ModelServer, video: Path) -> None:
    uploaded = client.upload(video, request=REQUEST)
    client.wait(uploaded.job.id, timeout=60)
    asked = client.create_job(uploaded.video.id, {"event_types": REQUEST["event_types"][:1]})
    assert client.wait(asked.id, timeout=60).status == "succeeded"
    assert {event.type for event in client.events(uploaded.video.id, job_id=asked.id)} == {"mark_0"}
    assert model.control.windows() == {0: 2, 56_000: 2}
