"""A job that is retried does what is missing of it, and nothing else."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from core.settings import Settings
from db import budgets, jobs, leases, retries, windows
from db.leases import LeaseLost
from db.models import Budget, Event, Job, Plan, Segment, Video, Window
from db.session import Sessions
from tests.integration import rows
from tests.integration.test_settling import FAILED, LEASE, SPANS, claim, finish, outcome, seen
from workers import settling

DEADLINE = timedelta(hours=1)


@pytest.fixture
def video(sessions: Sessions) -> Video:
    return rows.video(sessions, rows.workspace(sessions))


@pytest.fixture
def job(sessions: Sessions, settings: Settings, video: Video) -> Job:
    return rows.job(sessions, video, settings)[0]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"model_url": "http://127.0.0.1:9/v1"})


def retry(sessions: Sessions, job: Job, *, budget_usd: float | None = None) -> retries.Reopened:
    with sessions.begin() as session:
        return retries.retry(session, job.workspace_id, job.id, budget_usd=budget_usd, deadline=DEADLINE)[1]


def window(sessions: Sessions, row: Window) -> Window:
    with sessions.begin() as session:
        return session.get_one(Window, row.id)


def refusal(api: httpx.Client, job: Job, **body: Any) -> tuple[int, str]:
    answer = api.post(f"/v1/jobs/{job.id}/retry", json=body or None)
    return answer.status_code, answer.json()["code"]


def test_the_window_that_failed_is_done_again_and_the_job_settled_from_all_of_them(sessions: Sessions, api: httpx.Client, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 50_000, 63_000, open_end=True))
    old = claim(sessions, second)
    finish(sessions, old, **FAILED)
    ended, _ = outcome(sessions, job)
    assert ended.status == "partial"
    answer = api.post(f"/v1/jobs/{job.id}/retry")
    assert answer.status_code == 202
    again = answer.json()
    assert (again["status"], again["stage"], again["coverage"], again["completed_at"]) == ("processing", "sample", None, None)
    assert (again["progress"]["windows_done"], again["progress"]["windows_failed"]) == (1, 0)
    running, [kept] = outcome(sessions, job)
    assert (running.warnings, kept.provisional) == ([], True), "what was found stays, and may still change"
    assert window(sessions, first).state == "done"
    with pytest.raises(LeaseLost):
        finish(sessions, old)
    finish(sessions, claim(sessions, second), seen("car", 56_000, 80_000, open_start=True))
    settled, [event] = outcome(sessions, job)
    assert (settled.status, settled.coverage) == ("succeeded", {"ratio": 1.0, "gaps": []})
    assert event.id == kept.id
    assert (event.start_ms, event.end_ms, event.provisional) == (49_500, 80_500, False)


def test_of_a_window_with_an_answer_in_part_that_stays_until_there_is_a_better_one(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first))
    finish(sessions, claim(sessions, second), seen("car", 100_000, 110_000), gaps=[[64_000, 90_000, "bad_reply"]])
    for ending in ({"state": "failed", "error": {"code": "model_rejected", "detail": "no"}}, {"state": "canceled"}):
        retry(sessions, job)
        assert window(sessions, second).state == "pending"
        again = claim(sessions, second)
        assert again.attempts == 1
        finish(sessions, again, **{"detections": again.detections, **ending})
        ended, [event] = outcome(sessions, job)
        assert (ended.status, event.start_ms) == ("partial", 99_500)
        assert ended.coverage == {"ratio": 0.7833, "gaps": [{"start_ms": 64_000, "end_ms": 90_000, "reason": "bad_reply"}]}
    retry(sessions, job)
    finish(sessions, claim(sessions, second), seen("car", 70_000, 110_000), gaps=[])
    ended, [event] = outcome(sessions, job)
    assert (ended.status, event.start_ms) == ("succeeded", 69_500)


def test_a_retry_that_is_canceled_leaves_what_was_there(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 10_000, 20_000), gaps=[[30_000, 50_000, "budget"]])
    finish(sessions, claim(sessions, second), **FAILED)
    before = outcome(sessions, job)[0].coverage
    reopened = retry(sessions, job)
    assert set(reopened.windows) == {first.id, second.id}
    with sessions.begin() as session:
        jobs.cancel(session, job.workspace_id, job.id)
    with sessions.begin() as session:
        locked = jobs.lock(session, job.id)
        assert locked is not None
        settling.advance(session, locked)
    ended, [event] = outcome(sessions, job)
    assert (ended.status, event.type, event.provisional) == ("canceled", "car", False)
    assert before is not None
    assert ended.coverage is not None
    assert ended.coverage["ratio"] == before["ratio"]
    assert window(sessions, first).state == "done"


def test_segments_that_failed_or_were_canceled_are_sampled_again(sessions: Sessions, job: Job) -> None:
    rows.planned(sessions, job, spans=[(0, 64_000)])
    with sessions.begin() as session:
        missing = Segment(workspace_id=job.workspace_id, job_id=job.id, seq=1, windows=[[1, 56_000, 120_000]])
        session.add(missing)
        jobs.cancel(session, job.workspace_id, job.id)
        locked = jobs.lock(session, job.id)
        assert locked is not None
        settling.advance(session, locked)
    assert outcome(sessions, job)[0].status == "canceled"
    reopened = retry(sessions, job)
    assert (reopened.segments, len(reopened.windows), reopened.plans) == ([missing.id], 1, [])


def test_a_plan_that_failed_is_made_again(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        plan = session.query(Plan).filter_by(job_id=job.id).one()
        claimed = leases.claim(session, Plan, plan.id, lease=LEASE, max_attempts=5)
    assert claimed is not None
    with sessions.begin() as session:
        settling.close(session, claimed, state="failed", error={"code": "decoder_failed", "detail": "it died"})
    assert retry(sessions, job).plans == [plan.id]
    again, _ = outcome(sessions, job)
    assert (again.status, again.error, again.stage) == ("queued", None, "plan")
    with sessions.begin() as session:
        assert leases.claim(session, Plan, plan.id, lease=LEASE, max_attempts=1) is not None


def test_a_job_that_runs_or_has_all_that_can_be_had_is_not_retried(
    sessions: Sessions, settings: Settings, api: httpx.Client, video: Video, job: Job
) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    assert refusal(api, job) == (409, "job_running")
    finish(sessions, claim(sessions, first))
    finish(sessions, claim(sessions, second))
    assert refusal(api, job) == (409, "nothing_to_retry")
    damaged, _ = rows.job(sessions, video, settings)
    [only] = rows.planned(sessions, damaged, spans=[(0, 120_000)])
    finish(sessions, claim(sessions, only), gaps=[[50_000, 60_000, "unreadable"]])
    assert outcome(sessions, damaged)[0].status == "partial"
    answer = api.post(f"/v1/jobs/{damaged.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_retry")
    assert "Repair the file" in answer.json()["detail"]
    assert outcome(sessions, damaged)[0].status == "partial", "a refusal changes nothing"


def test_a_job_that_ended_at_its_budget_needs_a_larger_one(sessions: Sessions, settings: Settings, api: httpx.Client, video: Video) -> None:
    job, _ = rows.job(sessions, video, settings, budget_usd=0.02)
    first, second = rows.planned(sessions, job, spans=SPANS)
    spent = claim(sessions, first)
    with sessions.begin() as session:
        budgets.settle(session, leases.hold(session, spent), cost_usd=Decimal("0.015"), uncertain_usd=Decimal(0))
    finish(sessions, spent)
    over = claim(sessions, second)
    assert sessions.run(lambda session: budgets.reserve(session, over, Decimal("0.01"))) is budgets.Grant.OVER
    finish(sessions, over, state="failed", error={"code": "budget", "detail": "no room"})
    assert "budget" in [warning["code"] for warning in outcome(sessions, job)[0].warnings]
    assert refusal(api, job) == (402, "budget")
    assert "its budget of $0.02, of which $0.015 are spent" in api.post(f"/v1/jobs/{job.id}/retry").json()["detail"]
    assert refusal(api, job, budget_usd=0.01) == (422, "invalid_request")
    answer = api.post(f"/v1/jobs/{job.id}/retry", json={"budget_usd": 0.05})
    assert (answer.status_code, answer.json()["request"]["budget_usd"], answer.json()["warnings"]) == (202, 0.05, [])
    with sessions.begin() as session:
        budget = session.get_one(Budget, job.id)
        assert (budget.limit_usd, budget.spent_usd, budget.closed) == (Decimal("0.05"), Decimal("0.015"), False)
    again = claim(sessions, second)
    assert sessions.run(lambda session: budgets.reserve(session, again, Decimal("0.01"))) is budgets.Grant.HELD
    finish(sessions, again)
    assert outcome(sessions, job)[0].status == "succeeded"


def test_a_model_that_is_no_longer_there_is_told_before_anything_changes(
    sessions: Sessions, settings: Settings, job: Job, api_key: str
) -> None:
    from tests.conftest import serving

    [only] = rows.planned(sessions, job, spans=[(0, 120_000)])
    finish(sessions, claim(sessions, only), **FAILED)
    without = settings.model_copy(update={"model_url": "https://openrouter.ai/api/v1"})
    with serving(without) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}) as client:
        assert refusal(client, job) == (422, "model_not_configured")
    assert outcome(sessions, job)[0].status == "failed"


def test_two_that_retry_at_once_begin_it_once(sessions: Sessions, api: httpx.Client, job: Job) -> None:
    from concurrent.futures import ThreadPoolExecutor

    [only] = rows.planned(sessions, job, spans=[(0, 120_000)])
    finish(sessions, claim(sessions, only), **FAILED)
    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(lambda _: api.post(f"/v1/jobs/{job.id}/retry").status_code, range(4)))
    assert codes == [202, 409, 409, 409]


def test_windows_whose_frames_were_deleted_are_sampled_again_and_no_others(sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first))
    finish(sessions, claim(sessions, second), **FAILED)
    with sessions.begin() as session:
        session.execute(update(Window).values(frames_key=None))
        [segment] = session.query(Segment).filter_by(job_id=job.id)
    reopened = retry(sessions, job)
    assert (reopened.segments, reopened.windows) == ([segment.id], [])
    assert window(sessions, second).state == "failed", "there is nothing to ask about yet"
    with sessions.begin() as session:
        assert session.query(Event).count() == 0


def looks(sessions: Sessions, job: Job) -> list[Segment]:
    with sessions.begin() as session:
        return list(session.query(Segment).filter(Segment.job_id == job.id, Segment.pass_ > 0, Segment.state == "pending"))


def look_again(sessions: Sessions, job: Job, *, answered: bool, farther: bool = False) -> list[str]:
    """Carry out every second look that waits; the starts of what they look at. `farther`: the boundaries lie beyond what was shown."""
    asked = []
    for segment in looks(sessions, job):
        with sessions.begin() as session:
            for seq, start_ms, end_ms, look in segment.windows:
                asked.append(start_ms)
                frames = {"frames_key": f"looks/{job.id}/{seq}", "frame_pts_ms": [start_ms, end_ms - 1], "signals": [], "look": look}
                at = {"workspace_id": job.workspace_id, "job_id": job.id, "pass_": segment.pass_, "seq": seq}
                windows.add(session, {**at, "start_ms": start_ms, "end_ms": end_ms, **frames, "state": "pending"})
            session.query(Segment).filter_by(id=segment.id).update({"state": "done"})
        with sessions.begin() as session:
            pending = list(session.query(Window).filter_by(job_id=job.id, state="pending", pass_=segment.pass_))
        for row in pending:
            whole = {"visible": True, "first_pts_ms": row.frame_pts_ms[0], "last_pts_ms": row.frame_pts_ms[1]}
            whole |= {"frame_pts_ms": row.frame_pts_ms} if farther else {}
            finish(sessions, claim(sessions, row), **({"detections": [whole]} if answered else FAILED))
    return asked


def test_second_looks_are_made_at_what_a_retry_finds_and_where_none_was_answered_before(
    sessions: Sessions, settings: Settings, video: Video
) -> None:
    job, _ = rows.job(sessions, video, settings)
    with sessions.begin() as session:
        session.query(Job).filter_by(id=job.id).update({"request": {**job.request, "refine": True}})
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 10_000, 11_000), seen("car", 30_000, 31_000))
    finish(sessions, claim(sessions, second), **FAILED)
    assert len(look_again(sessions, job, answered=False)) == 2
    ended, _ = outcome(sessions, job)
    assert (ended.status, {warning["code"] for warning in ended.warnings}) == ("partial", {"bad_reply", "not_verified"})
    assert ended.windows_total == 4
    reopened = retry(sessions, job)
    assert (len(reopened.windows), reopened.looks) == (1, 2)
    assert outcome(sessions, job)[0].windows_total == 2
    assert looks(sessions, job) == [], "none before it is known what there is to look at"
    finish(sessions, claim(sessions, second), seen("car", 90_000, 91_000))
    [asked] = {len(look_again(sessions, job, answered=True))}
    assert asked == 3
    for _ in range(3):
        look_again(sessions, job, answered=True)
    ended, found = outcome(sessions, job)
    assert (ended.status, ended.warnings) == ("succeeded", [])
    assert [event.verification["status"] for event in found] == ["confirmed"] * 3
