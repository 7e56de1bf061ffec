"""Each way in which a model or its server can fail, through the real workers: what it costs, and what is told."""

from pathlib import Path
from typing import Any

import pytest

from playhead import Client, Job
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import (
    Behaviour,
    billed,
    broken_from,
    drip,
    error_in_200,
    long_winded,
    loop,
    of_kind,
    outside,
    page,
    picky,
    reset,
    status,
)
from tests.model_server.running import ModelServer


def analyse(client: Client, video: Path, request: dict[str, Any] = REQUEST) -> Job:
    return client.wait(client.upload(video, request=request).job.id, timeout=90)


def codes(job: Job) -> set[str]:
    return {warning.code for warning in job.warnings}


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (of_kind("broken"), "invalid_json"),
        (of_kind("truncated"), "truncated"),
        (outside(), "bad_times"),
        (loop(every_s=1, until_s=200), "loop"),
        (of_kind("shapeless"), "wrong_shape"),
        (of_kind("flood"), "too_large"),
    ],
)
def test_two_bad_replies_cost_two_calls_more_and_no_event(
    client: Client, model: ModelServer, video: Path, behaviour: Behaviour, kind: str
) -> None:
    model.control.next(behaviour, behaviour)
    job = analyse(client, video)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(job.video_id)))
    assert codes(job) >= {"bad_replies"}
    assert f"{kind} 2" in next(warning.detail for warning in job.warnings if warning.code == "bad_replies")
    assert job.usage.calls == len(model.control.log())


@pytest.mark.parametrize("kind", ["fenced", "mmss", "strings"])
def test_the_form_of_a_reply_costs_nothing(client: Client, model: ModelServer, video: Path, kind: str) -> None:
    model.control.always(of_kind(kind))
    job = analyse(client, video)
    assert (job.status, job.warnings, job.usage.calls) == ("succeeded", (), 2)
    assert_true(list(client.events(job.video_id)))


@pytest.mark.parametrize(
    "behaviours",
    [
        pytest.param([status(429), status(429, retry_after="1"), status(425)], id="too much"),
        pytest.param([status(500), status(502), status(503), status(529)], id="down"),
        pytest.param([status(408), status(504), status(524)], id="late"),
        pytest.param([error_in_200(where="top"), error_in_200(where="choice"), page()], id="a 200 that is none"),
        pytest.param([of_kind("empty"), of_kind("null")], id="nothing said"),
        pytest.param([reset(), drip(every_s=0.001, size=20), reset()], id="the wire"),
    ],
)
def test_what_passes_costs_time_alone(client: Client, model: ModelServer, video: Path, behaviours: list[Behaviour]) -> None:
    model.control.next(*behaviours)
    job = analyse(client, video)
    assert (job.status, job.coverage.ratio, job.usage.calls) == ("succeeded", 1.0, 2)
    assert_true(list(client.events(job.video_id)))


@pytest.mark.parametrize("code", [400, 403, 404, 422])
def test_what_is_refused_fails_at_once_with_the_reason(client: Client, model: ModelServer, video: Path, code: int) -> None:
    model.control.always(status(code, message="no such model"))
    job = analyse(client, video)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, "no such model" in job.error.detail) == ("model_rejected", True)
    assert len(model.control.log()) == 2


@pytest.mark.parametrize("limit", ["images", "size", "context"])
def test_frames_that_are_too_much_go_out_in_parts_and_next_time_at_once(
    client: Client, model: ModelServer, video: Path, limit: str
) -> None:
    """Under a name of its own, so that only this test learns of the limit."""
    most = {"images": 30, "size": 200_000, "context": 6000}[limit]
    model.control.always(picky(**{limit: most}))
    request = {**REQUEST, "model": f"test/picky-{limit}"}
    job = analyse(client, video, request)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(job.video_id)))
    model.control.clear()
    again = client.wait(client.create_job(job.video_id, request).id, timeout=90)
    assert again.status == "succeeded"
    assert {call["status"] for call in model.control.log()} == {200}
    assert max(len(call["frames"]) for call in model.control.log()) <= 33


def test_a_reply_that_breaks_off_is_carried_on(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(long_winded(events=3))
    job = analyse(client, video)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(job.video_id)))


def test_only_what_never_gets_an_answer_is_a_gap(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(broken_from(112_000))
    job = analyse(client, video)
    assert job.status == "partial"
    (gap,) = job.coverage.gaps
    assert gap.reason == "bad_reply"
    assert 80_000 < gap.start_ms <= 112_000
    assert gap.end_ms == 120_000
    assert codes(job) == {"bad_replies", "bad_reply"}
    last = list(client.events(job.video_id))[-1]
    assert last.end_ms <= gap.start_ms
    model.control.honest()
    for sampling in ({}, {"fps": 0.5}):  # the same frames, and every second of them
        again = client.wait(client.create_job(job.video_id, {**REQUEST, "sampling": sampling}).id, timeout=90)
        assert (again.status, again.coverage.gaps) == ("succeeded", ()), "another question has none of the gaps of this one's model"


def test_frames_lost_on_the_way_to_the_model_are_noticed_by_the_bill(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(billed(0.25))
    assert codes(analyse(client, video)) == {"tokens_unexpected"}


def test_details_come_back_typed(client: Client, video: Path) -> None:
    fields = [
        {"name": "number", "type": "number"},
        {"name": "odd", "type": "boolean"},
        {"name": "word", "type": "enum", "values": ["a", "b"]},
    ]
    types = [{**kind, "fields": fields} for kind in REQUEST["event_types"]]
    job = analyse(client, video, {"event_types": types})
    found = {event.type: event.raw["attributes"] for event in client.events(job.video_id)}
    assert found == {
        "mark_0": {"number": 0, "odd": False, "word": "a"},
        "mark_1": {"number": 1, "odd": True, "word": "b"},
        "mark_2": {"number": 2, "odd": False},
    }
