"""How work ends that does not end itself."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import ModelPaused, ModelUnavailable, NotFound, PlayheadError
from core.settings import Settings
from db import jobs, leases
from db.models import Job, Window
from db.session import Sessions
from tests.integration import rows
from tests.polling import wait_until
from workers import settling
from workers.runtime import Runtime, make_runtime
from workers.stopping import Stop
from workers.work import Canceled, Heartbeat, carry_out

LEASE = timedelta(seconds=30)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield made
    made.sessions.engine.dispose()


@pytest.fixture
def job(sessions: Sessions, settings: Settings) -> Job:
    return rows.job(sessions, rows.video(sessions, rows.workspace(sessions)), settings)[0]


@pytest.fixture
def window(sessions: Sessions, job: Job) -> Window:
    return rows.planned(sessions, job, spans=[(0, 64_000), (56_000, 120_000)])[0]


def cancel(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        jobs.cancel(session, job.workspace_id, job.id)


def raising(error: Exception) -> Callable[[Window, Heartbeat], None]:
    def work(_: Window, __: Heartbeat) -> None:
        raise error

    return work


def now(sessions: Sessions, window: Window) -> tuple[Window, Job]:
    with sessions.begin() as session:
        return session.get_one(Window, window.id), session.get_one(Job, window.job_id)


def test_a_worker_told_to_stop_hands_back_what_it_holds_and_takes_nothing_more(
    runtime: Runtime, sessions: Sessions, window: Window
) -> None:
    def work(_: Window, beat: Heartbeat) -> None:
        runtime.stop.tell()
        beat.permit()

    carry_out(runtime, Window, window.id, work)
    row, _ = now(sessions, window)
    assert (row.state, row.attempts, row.lease_token) == ("pending", 0, None)
    with sessions.begin() as session:
        assert window.id in leases.due(session, Window, limit=10), "others may take it at once"
    carry_out(runtime, Window, window.id, raising(AssertionError("nothing is taken any more")))
    assert now(sessions, window)[0].attempts == 0


@pytest.mark.parametrize(("patience_s", "ends_by_itself"), [(60, True), (0.001, False)])
def test_a_call_in_flight_gets_a_while_to_end(
    settings: Settings, runtime: Runtime, sessions: Sessions, window: Window, patience_s: float, ends_by_itself: bool
) -> None:
    runtime = replace(runtime, settings=settings.model_copy(update={"stop_patience": timedelta(seconds=patience_s)}))

    def work(held: Window, beat: Heartbeat) -> None:
        runtime.stop.tell()
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            beat()
        with sessions.begin() as session:
            settling.close(session, held, state="done", detections=[])

    carry_out(runtime, Window, window.id, work)
    assert now(sessions, window)[0].state == ("done" if ends_by_itself else "pending")


def test_the_pool_s_processes_hear_of_it_too() -> None:
    stop = Stop()
    child = os.fork()
    if child == 0:
        wait_until(lambda: stop.told, "the word")
        os._exit(7)
    stop.tell()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_canceled_job_permits_nothing_new_but_lets_a_call_end(runtime: Runtime, sessions: Sessions, job: Job, window: Window) -> None:
    heard = []

    def work(_: Window, beat: Heartbeat) -> None:
        beat.permit()
        cancel(sessions, job)
        beat.renew()
        beat()
        with pytest.raises(Canceled) as error:
            beat.permit()
        heard.append(error)
        raise error.value

    carry_out(runtime, Window, window.id, work)
    assert heard
    row, ended = now(sessions, window)
    assert (row.state, ended.status) == ("canceled", "canceled")


@pytest.mark.parametrize("error", [ModelUnavailable("away", retry_after_s=3000), ModelPaused("no credit"), RuntimeError("a bug")])
def test_work_that_would_wait_ends_with_its_canceled_job_at_once(
    runtime: Runtime, sessions: Sessions, job: Job, window: Window, error: Exception
) -> None:
    def work(_: Window, __: Heartbeat) -> None:
        cancel(sessions, job)
        raise error

    carry_out(runtime, Window, window.id, work)
    row, ended = now(sessions, window)
    assert (row.state, ended.status) == ("canceled", "canceled")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelUnavailable("The model server answered 503."), "model_unavailable"),
        (ModelPaused("The key is refused."), "model_paused"),
        (NotFound("The video's bytes are not in the storage."), "blobs_unavailable"),
    ],
)
def test_work_that_waits_for_somebody_else_burns_no_attempt_and_the_job_says_so(
    runtime: Runtime, sessions: Sessions, window: Window, error: PlayheadError, code: str
) -> None:
    carry_out(runtime, Window, window.id, raising(error))
    row, running = now(sessions, window)
    assert (row.state, row.attempts, row.outages) == ("pending", 0, 1)
    assert [warning["code"] for warning in running.warnings] == [code]
    assert error.detail in running.warnings[0]["detail"]
