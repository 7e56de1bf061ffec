"""How far a job says that it is, while its second looks are planned round by round."""

import httpx
import pytest

from core.settings import Settings
from db.models import Job
from db.session import Sessions
from tests.integration import rows
from tests.integration.test_retries import look_again, looks, retry
from tests.integration.test_settling import FAILED, SPANS, claim, finish, seen


@pytest.fixture
def job(sessions: Sessions, settings: Settings) -> Job:
    made, _ = rows.job(sessions, rows.video(sessions, rows.workspace(sessions)), settings)
    with sessions.begin() as session:
        session.query(Job).filter_by(id=made.id).update({"request": {**made.request, "refine": True}})
    return made


def percent(api: httpx.Client, job: Job) -> float:
    told: float = api.get(f"/v1/jobs/{job.id}").json()["progress"]["percent"]
    [listed] = api.get("/v1/jobs").json()["data"]
    assert listed["progress"]["percent"] == told
    return told


def all_looks(api: httpx.Client, sessions: Sessions, job: Job) -> list[float]:
    steps = [percent(api, job)]
    while looks(sessions, job):
        look_again(sessions, job, answered=True, farther=True)
        steps.append(percent(api, job))
    return steps


def test_progress_does_not_go_back_when_second_looks_are_planned(api: httpx.Client, sessions: Sessions, job: Job) -> None:
    assert percent(api, job) == 0
    first, second = rows.planned(sessions, job, spans=SPANS)
    assert percent(api, job) == 0
    finish(sessions, claim(sessions, first), seen("car", 12_000, 50_000))
    assert percent(api, job) == 35
    finish(sessions, claim(sessions, second), **FAILED)
    steps = all_looks(api, sessions, job)
    assert steps[0] == 70
    assert steps[-1] == 100
    assert len(steps) > 3, steps
    assert steps == sorted(set(steps))


def test_a_job_that_is_retried_is_where_its_first_open_work_is(api: httpx.Client, sessions: Sessions, job: Job) -> None:
    first, second = rows.planned(sessions, job, spans=SPANS)
    finish(sessions, claim(sessions, first), seen("car", 10_000, 11_000))
    finish(sessions, claim(sessions, second), **FAILED)
    look_again(sessions, job, answered=False)
    assert percent(api, job) == 100
    retry(sessions, job)
    assert percent(api, job) == 35
    finish(sessions, claim(sessions, second), seen("car", 90_000, 91_000))
    steps = all_looks(api, sessions, job)
    assert (steps[0], steps[-1]) == (75, 100)
    assert steps == sorted(set(steps))
