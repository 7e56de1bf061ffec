"""What differs between two jobs of a video, asked of the API, where one of them could not have found what the other did."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func

from core.settings import Settings
from db import events
from db.models import Job, Video
from db.session import Sessions
from tests.integration import rows

ALL = {"ratio": 1.0, "gaps": []}


def hole(start_ms: int, end_ms: int) -> dict[str, Any]:
    return {"ratio": 0.5, "gaps": [{"start_ms": start_ms, "end_ms": end_ms, "reason": "budget"}]}


@pytest.fixture
def video(sessions: Sessions) -> Video:
    return rows.video(sessions, rows.workspace(sessions))


def ended(
    sessions: Sessions, job: Job, *found: tuple[str, int, int], status: str = "succeeded", coverage: dict[str, Any] | None = ALL
) -> UUID:
    """A job as it is when it has ended with these events; one without coverage goes on."""
    with sessions.begin() as session:
        row = session.get_one(Job, job.id)
        row.status, row.coverage = status, coverage
        row.completed_at = func.clock_timestamp() if coverage else None
        told = {"title": "", "description": "", "confidence": None, "confidence_source": None, "attributes": {}, "recorded": None}
        source = {"analyzer": job.request["analyzer"], "model": None, "prompt_version": None, "window_ids": []}
        made = [
            {
                **told,
                "id": uuid4(),
                "workspace_id": job.workspace_id,
                "video_id": job.video_id,
                "job_id": job.id,
                "type": kind,
                "start_ms": start_ms,
                "end_ms": end_ms,
                "start_uncertainty_ms": 500,
                "end_uncertainty_ms": 500,
                "verification": {"status": "unverified", "reason": None},
                "evidence_pts_ms": start_ms,
                "evidence_window_id": uuid4(),
                "source": source,
            }
            for kind, start_ms, end_ms in found
        ]
        events.become(session, job.id, made, provisional=coverage is None)
    return job.id


def diff(api: httpx.Client, job: UUID, against: UUID) -> dict[str, Any]:
    answer = api.get(f"/v1/jobs/{job}/diff", params={"against": str(against)})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def apart(told: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    return [(one["event"]["type"], one["event"]["start_ms"], one["of"], one["reason"]) for one in told["incomparable"]]


def starts(told: list[dict[str, Any]]) -> list[int]:
    return [event["start_ms"] for event in told]


def test_events_in_a_hole_of_the_other_job_have_not_vanished(
    api: httpx.Client, settings: Settings, sessions: Sessions, video: Video
) -> None:
    whole, holed = (rows.job(sessions, video, settings)[0] for _ in range(2))
    before = ended(sessions, whole, ("car", 1_000, 2_000), ("car", 70_000, 71_000))
    now = ended(sessions, holed, status="partial", coverage=hole(60_000, 120_000))
    told = diff(api, now, before)
    assert (told["status"], told["against_status"]) == ("partial", "succeeded")
    assert (told["appeared"], starts(told["vanished"]), apart(told)) == ([], [1_000], [("car", 70_000, "against", "not_analysed")])
    back = diff(api, before, now)
    assert (starts(back["appeared"]), back["vanished"], apart(back)) == ([1_000], [], [("car", 70_000, "job", "not_analysed")])


@pytest.mark.parametrize(
    ("status", "coverage"),
    [
        pytest.param("failed", {"ratio": 0.0, "gaps": []}, id="failed before the length of the video was known"),
        pytest.param("failed", hole(0, 120_000), id="failed"),
        pytest.param("processing", None, id="goes on"),
    ],
)
def test_a_job_that_analysed_nothing_makes_nothing_vanish(
    api: httpx.Client, settings: Settings, sessions: Sessions, video: Video, status: str, coverage: dict[str, Any] | None
) -> None:
    one, other = (rows.job(sessions, video, settings)[0] for _ in range(2))
    before = ended(sessions, one, ("car", 1_000, 2_000))
    now = ended(sessions, other, status=status, coverage=coverage)
    told = diff(api, now, before)
    assert (told["status"], told["vanished"], apart(told)) == (status, [], [("car", 1_000, "against", "not_analysed")])


def test_events_that_the_other_job_did_not_ask_for_have_not_vanished(
    api: httpx.Client, settings: Settings, sessions: Sessions, video: Video
) -> None:
    both, dogs, anything = (rows.job(sessions, video, settings, kinds=kinds)[0] for kinds in (("car", "dog"), ("dog",), ()))
    before = ended(sessions, both, ("car", 1_000, 2_000), ("dog", 3_000, 4_000))
    told = diff(api, ended(sessions, dogs), before)
    assert (starts(told["vanished"]), apart(told)) == ([3_000], [("car", 1_000, "against", "not_asked")])
    told = diff(api, ended(sessions, anything), before)
    assert (starts(told["vanished"]), apart(told)) == ([1_000, 3_000], [])


def test_signals_and_a_model_ask_for_different_things(api: httpx.Client, settings: Settings, sessions: Sessions, video: Video) -> None:
    by_signals, again, anything = (
        rows.job(sessions, video, settings, analyzer=analyzer, kinds=())[0] for analyzer in ("signals", "signals", "model")
    )
    cuts = ended(sessions, by_signals, ("shot_change", 1_000, 1_001))
    model = ended(sessions, anything, ("car", 1_000, 2_000))
    told = diff(api, model, cuts)
    assert (told["appeared"], told["vanished"]) == ([], [])
    assert apart(told) == [("car", 1_000, "job", "not_asked"), ("shot_change", 1_000, "against", "not_asked")]
    assert starts(diff(api, ended(sessions, again), cuts)["vanished"]) == [1_000]


def test_one_job_can_be_compared_with_one_other_alone(api: httpx.Client) -> None:
    answer = api.get(f"/v1/jobs/{uuid4()}/diff", params={"against": [str(uuid4()), str(uuid4())]})
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "against", "message": "Is given twice."}])
