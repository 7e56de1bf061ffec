"""Jobs end once, with the right verdict, whoever finishes last."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from core.settings import Settings
from db import events, jobs, leases
from db.filters import Filter
from db.leases import LeaseLost
from db.models import Event, Job, Plan, Segment, Video, Window
from db.session import Sessions
from tests.integration import rows
from workers import settling
from workers.events.detection import Detection
from workers.runtime import Runtime, make_runtime
from workers.showing import DEAD_AFTER, show
from workers.sweeping import sweep

SPANS = [(0, 64_000), (56_000, 120_000)]
FAILED: dict[str, Any] = {"state": "failed", "detections": None, "error": {"code": "bad_reply", "detail": "a loop"}}
LEASE = timedelta(seconds=30)


@pytest.fixture
def video(sessions: Sessions) -> Video:
    return rows.video(sessions, rows.workspace(sessions))


@pytest.fixture
def job(sessions: Sessions, settings: Settings, video: Video) -> Job:
    return rows.job(sessions, video, settings)[0]


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield made
    made.sessions.engine.dispose()


def claim(sessions: Sessions, window: Window) -> Window:
    with sessions.begin() as session:
        claimed = leases.claim(session, Window, window.id, lease=LEASE, max_attempts=5)
        assert claimed is not None
        return claimed


def seen(kind: str, first_ms: int, last_ms: int, **values: Any) -> dict[str, Any]:
    return asdict(Detection(kind, f"a {kind}", first_ms, last_ms, **values))


def finish(sessions: Sessions, claimed: Window, *detections: dict[str, Any], **values: Any) -> None:
    with sessions.begin() as session:
        settling.close(session, claimed, **{"state": "done", "detections": list(detections), **values})


def outcome(sessions: Sessions, job: Job) -> tuple[Job, list[Event]]:
    with sessions.begin() as session:
        found = jobs.get(session, job.workspace_id, job.id)
        wanted = Filter(workspace_id=job.workspace_id, job_id=job.id)
        return found, events.page(session.connection(), wanted, sort="start_ms", limit=100, cursor=None).rows


def test_an_event_over_two_windows_is_one_event_and_keeps_its_id_while_it_grows(sessions: Sessions, runtime: Runtime, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 50_000, 63_000, open_end=True))
    show(runtime, job.id)
    running, [provisional] = outcome(sessions, job)
    assert (running.status, provisional.provisional) == ("processing", True)
    finish(sessions, claim(sessions, second), seen("car", 56_000, 80_000, open_start=True))
    settled, [event] = outcome(sessions, job)
    assert (settled.status, settled.coverage) == ("succeeded", {"ratio": 1.0, "gaps": []})
    assert event.id == provisional.id
    assert not event.provisional
    assert (event.start_ms, event.end_ms) == (49_500, 80_500)
    assert event.source["window_ids"] == [str(first.id), str(second.id)]


def test_two_windows_that_finish_together_settle_the_job_once(sessions: Sessions, job: Job) -> None:
    """Five hundred times, each on the rows of the time before, put back to where both windows are held."""
    claimed = [claim(sessions, window) for window in rows.planned(sessions, job, spans=SPANS)]
    together = threading.Barrier(2, timeout=10)

    def finish_at_once(window: Window) -> None:
        together.wait()
        finish(sessions, window, seen("car", window.start_ms + 10_000, window.start_ms + 20_000))

    with ThreadPoolExecutor(2) as pool:
        for _ in range(500):
            list(pool.map(finish_at_once, claimed))
            with sessions.begin() as session:
                assert session.execute(select(Job.status, Job.revision)).one() == ("succeeded", 2)
                assert list(session.scalars(select(Event.provisional))) == [False, False]
                session.execute(update(Job).values(status="processing", completed_at=None, coverage=None, revision=0))
                for window in claimed:
                    held = {"state": "running", "lease_token": window.lease_token, "detections": None}
                    session.execute(update(Window).where(Window.id == window.id).values(held))
                session.execute(delete(Event))


def test_a_worker_frozen_past_its_lease_cannot_change_the_second_worker_s_answer(sessions: Sessions, job: Job) -> None:
    [window] = rows.planned(sessions, job, spans=[(0, 120_000)])
    frozen = claim(sessions, window)
    with sessions.begin() as session:
        session.execute(update(Window).values(lease_until=Window.lease_until - timedelta(hours=1)))
    finish(sessions, claim(sessions, window), seen("car", 10_000, 20_000))
    with pytest.raises(LeaseLost):
        finish(sessions, frozen, seen("ghost", 30_000, 40_000))
    assert [event.type for event in outcome(sessions, job)[1]] == ["car"]


def test_a_window_that_failed_makes_the_job_partial_and_names_the_hole(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 10_000, 20_000))
    finish(sessions, claim(sessions, second), state="failed", error={"code": "bad_reply", "detail": "a loop"}, detections=None)
    settled, found = outcome(sessions, job)
    assert settled.status == "partial"
    assert settled.coverage is not None
    assert settled.coverage["gaps"] == [{"start_ms": 64_000, "end_ms": 120_000, "reason": "bad_reply"}]
    assert len(found) == 1


def test_a_segment_that_died_leaves_its_windows_as_gaps(sessions: Sessions, job: Job) -> None:
    [window] = rows.planned(sessions, job, spans=[(0, 64_000)])
    with sessions.begin() as session:
        dead = {"code": "decoder_failed", "detail": "died"}
        session.add(
            Segment(workspace_id=job.workspace_id, job_id=job.id, seq=1, state="failed", error=dead, windows=[[1, 56_000, 120_000]])
        )
    finish(sessions, claim(sessions, window))
    settled, _ = outcome(sessions, job)
    assert settled.coverage is not None
    assert settled.coverage["gaps"] == [{"start_ms": 64_000, "end_ms": 120_000, "reason": "decoder_failed"}]


def test_a_job_of_which_nothing_worked_has_failed_with_the_reason(sessions: Sessions, job: Job) -> None:
    [window] = rows.planned(sessions, job, spans=[(0, 120_000)])
    finish(sessions, claim(sessions, window), state="failed", error={"code": "model_rejected", "detail": "no such model"}, detections=None)
    settled, found = outcome(sessions, job)
    assert (settled.status, settled.error and settled.error["code"]) == ("failed", "model_rejected")
    assert settled.error["detail"].startswith("no such model. Ask again with a `model` that it has")
    assert found == []


def test_a_plan_that_failed_fails_the_job(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        plan = session.query(Plan).filter_by(job_id=job.id).one()
        claimed = leases.claim(session, Plan, plan.id, lease=LEASE, max_attempts=5)
    assert claimed is not None
    with sessions.begin() as session:
        settling.close(session, claimed, state="failed", error={"code": "not_a_video", "detail": "no stream"})
    settled, _ = outcome(sessions, job)
    assert (settled.status, settled.error and settled.error["code"]) == ("failed", "not_a_video")
    assert settled.error["detail"].startswith("no stream. Check that the file plays")
    assert settled.coverage == {"ratio": 0.0, "gaps": [{"start_ms": 0, "end_ms": 120_000, "reason": "not_a_video"}]}
    assert settled.completed_at is not None


def test_canceling_stops_what_waits_lets_the_call_in_flight_finish_and_keeps_what_was_found(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    in_flight = claim(sessions, first)
    with sessions.begin() as session:
        assert jobs.cancel(session, job.workspace_id, job.id).status == "canceling"
        assert leases.claim(session, Window, second.id, lease=LEASE, max_attempts=5) is None
    finish(sessions, in_flight, seen("car", 10_000, 20_000))
    settled, found = outcome(sessions, job)
    assert settled.status == "canceled"
    assert settled.coverage is not None
    assert settled.coverage["gaps"] == [{"start_ms": 64_000, "end_ms": 120_000, "reason": "canceled"}]
    assert [event.type for event in found] == ["car"]
    with sessions.begin() as session:
        assert jobs.cancel(session, job.workspace_id, job.id).status == "canceled"


def test_a_job_past_its_deadline_is_closed_with_what_it_has(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 10_000, 20_000))
    stuck = claim(sessions, second)
    with sessions.begin() as session:
        session.execute(update(Job).values(deadline_at=Job.created_at))
        assert jobs.settleable(session) == [job.id]
        locked = jobs.lock(session, job.id)
        assert locked is not None
        settling.expire(session, locked)
    settled, found = outcome(sessions, job)
    assert settled.status == "partial"
    assert [warning["code"] for warning in settled.warnings] == ["deadline"]
    assert settled.coverage is not None
    assert settled.coverage["gaps"] == [{"start_ms": 64_000, "end_ms": 120_000, "reason": "deadline"}]
    assert len(found) == 1
    with pytest.raises(LeaseLost):
        finish(sessions, stuck)


def test_events_of_a_running_job_are_not_made_again_and_again_but_the_sweeper_brings_what_is_late(
    sessions: Sessions, runtime: Runtime, job: Job
) -> None:
    first, second, _ = rows.planned(sessions, job, spans=[*SPANS, (112_000, 120_000)])
    finish(sessions, claim(sessions, first), seen("car", 10_000, 20_000))
    with sessions.begin() as session:
        assert jobs.to_show(session, job.id, within=DEAD_AFTER) == 1
    show(runtime, job.id)
    assert outcome(sessions, job)[1] == [], "somebody is at it"
    with sessions.begin() as session:
        jobs.shown(session, job.id, revision=0, rest=timedelta(0))
    show(runtime, job.id)
    assert len(outcome(sessions, job)[1]) == 1
    with sessions.begin() as session:
        jobs.shown(session, job.id, revision=1, rest=timedelta(hours=1))
    finish(sessions, claim(sessions, second), seen("car", 70_000, 80_000))
    show(runtime, job.id)
    sweep(runtime)
    assert len(outcome(sessions, job)[1]) == 1
    with sessions.begin() as session:
        session.execute(update(Job).values(show_after=Job.created_at))
    sweep(runtime)
    assert len(outcome(sessions, job)[1]) == 2


def test_what_was_found_last_is_not_shown_over_the_final_events(sessions: Sessions, runtime: Runtime, job: Job) -> None:
    [window] = rows.planned(sessions, job, spans=[(0, 120_000)])
    finish(sessions, claim(sessions, window), seen("car", 10_000, 20_000))
    with sessions.begin() as session:
        session.execute(update(Job).values(shown_revision=0, show_after=Job.created_at))
    show(runtime, job.id)
    assert [event.provisional for event in outcome(sessions, job)[1]] == [False]


def test_a_failed_window_whose_time_its_neighbours_saw_leaves_no_gap_and_no_success(sessions: Sessions, job: Job) -> None:
    spans = [(0, 60_000), (30_000, 90_000), (60_000, 120_000)]
    first, middle, last = (claim(sessions, window) for window in rows.planned(sessions, job, spans=spans))
    finish(sessions, first)
    finish(sessions, last)
    finish(sessions, middle, state="failed", error={"code": "bad_reply", "detail": "a loop"}, detections=None)
    settled, _ = outcome(sessions, job)
    assert (settled.status, settled.coverage) == ("partial", {"ratio": 1.0, "gaps": []})
    assert [warning["code"] for warning in settled.warnings] == ["windows_failed"]
    assert "1 of 3" in settled.warnings[0]["detail"]
