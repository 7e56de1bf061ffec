"""A second look at each boundary, through the real workers: sharper times, confirmed or rejected events, at a small price."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from playhead import ApiError, Client, Event
from standalone.stack import Stack
from tests.e2e.conftest import DURATION_MS, EVENTS
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import of_kind
from tests.model_server.running import ModelServer

REFINED = {**REQUEST, "refine": True}


def test_second_looks_sharpen_each_boundary_and_confirm_each_event(client: Client, model: ModelServer, video: Path) -> None:
    first = client.wait(client.upload(video, request=REQUEST).job.id, timeout=60)
    uploaded = client.upload(video, request=REFINED)
    job = client.wait(uploaded.job.id, timeout=60)
    found = list(client.events(uploaded.video.id))
    assert (job.status, job.stage) == ("succeeded", "done")
    assert_true(found)
    assert_sharp(found)
    assert {event.verification.status for event in found} == {"confirmed"}
    assert job.progress.windows_total == job.progress.windows_done
    assert all(call["times_ok"] for call in model.control.log())
    assert job.usage.cost_usd == pytest.approx(model.control.cost_usd() - first.usage.cost_usd)
    for event in found:
        assert client.frame(event.id)[:2] == b"\xff\xd8"


def assert_sharp(events: Sequence[Event]) -> None:
    """Four frames a second, of ten, lie up to 300 ms apart; the video's own ends need no look."""
    for event in events:
        assert event.start_uncertainty_ms <= 150
        assert event.end_uncertainty_ms <= 150 or event.end_ms == DURATION_MS


def test_what_a_second_look_does_not_see_is_rejected_kept_and_left_out(
    client: Client, whole: Stack, model: ModelServer, video: Path
) -> None:
    model.control.always(of_kind("blind"))
    uploaded = client.upload(video, request=REFINED)
    job = client.wait(uploaded.job.id, timeout=60)
    assert job.status == "succeeded"
    assert list(client.events(uploaded.video.id)) == []
    rejected = list(client.events(uploaded.video.id, verification=["rejected"]))
    assert_true(rejected)
    assert {(event.verification.status, event.verification.reason) for event in rejected} == {("rejected", "Nothing to be seen")}
    assert list(client.events(uploaded.video.id, verification=["confirmed", "unverified"])) == []
    refused = httpx.get(f"{whole.url}/v1/events?verification=maybe", headers={"Authorization": f"Bearer {whole.api_key}"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "verification")


def test_what_another_job_did_not_ask_for_has_not_appeared_when_it_is_found(client: Client, model: ModelServer, video: Path) -> None:
    uploaded = client.upload(video, request={"event_types": REQUEST["event_types"][:2]})
    client.wait(uploaded.job.id, timeout=60)
    fewer, more = uploaded.job.id, client.create_job(uploaded.video.id, REFINED).id
    client.wait(more, timeout=60)
    of_both = sum(bit < 2 for bit, _, _ in EVENTS)
    diff, back = client.diff(more, fewer), client.diff(fewer, more)
    assert (diff.appeared, diff.vanished, diff.moved, diff.unchanged) == ((), (), (), of_both)
    assert [(one.of, one.reason) for one in diff.incomparable] == [("job", "not_asked")] * (len(EVENTS) - of_both)
    assert (back.appeared, back.vanished, back.unchanged) == ((), (), of_both)
    assert [(one.of, one.reason) for one in back.incomparable] == [("against", "not_asked")] * (len(EVENTS) - of_both)
    assert (diff.status, diff.against_status) == ("succeeded", "succeeded")
    elsewhere = client.upload(video, request={"analyzer": "signals"}).job.id
    with pytest.raises(ApiError) as refused:
        client.diff(more, elsewhere)
    assert refused.value.status == 422
    client.wait(elsewhere, timeout=60)


def test_votes_make_a_confidence_that_was_measured(client: Client, model: ModelServer, video: Path) -> None:
    uploaded = client.upload(video, request={**REFINED, "verify": {"votes": 3}})
    job = client.wait(uploaded.job.id, timeout=60)
    found = list(client.events(uploaded.video.id))
    assert len(found) == len(EVENTS)
    assert {(event.confidence, event.confidence_source) for event in found} == {(1.0, "votes")}
    looks = [call for call in model.control.log() if call["is_look"]]
    assert len(looks) % 3 == 0
    assert {call["temperature"] for call in looks} == {0.0, 0.7}
    assert job.usage.calls == len(model.control.log())


def test_looks_whose_answers_cannot_be_read_leave_their_events_unverified(client: Client, model: ModelServer, video: Path) -> None:
    model.control.always(of_kind("unreadable_looks"))
    uploaded = client.upload(video, request=REFINED)
    job = client.wait(uploaded.job.id, timeout=60)
    found = list(client.events(uploaded.video.id))
    assert job.status == "succeeded"
    assert_true(found)
    assert {event.verification.status for event in found} == {"unverified"}
    (told,) = [warning["detail"] for warning in job.raw["warnings"] if warning["code"] == "not_verified"]
    assert told.startswith(f"{len(found)} of {len(found)} events")
