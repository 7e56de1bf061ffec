"""A job's budget: what many workers may spend of it at once, and what becomes of a call whose worker died."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from random import Random
from threading import Barrier, Lock

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from core.settings import Settings
from db import budgets, jobs, leases
from db.budgets import Grant
from db.leases import LeaseLost
from db.models import Budget, Job, Window
from db.session import Sessions
from db.standings import standings
from tests.integration import rows
from workers import settling

LEASE = timedelta(seconds=30)
WORST = Decimal("0.01")


def job_with(sessions: Sessions, settings: Settings, *, budget_usd: float | None, windows: int) -> tuple[Job, list[Window]]:
    """A job whose windows are all claimed, each by a worker of its own."""
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=1000 * windows)
    job, _ = rows.job(sessions, video, settings, budget_usd=budget_usd)
    planned = rows.planned(sessions, job, spans=[(1000 * place, 1000 * place + 1000) for place in range(windows)])
    return job, [claim(sessions, window) for window in planned]


def claim(sessions: Sessions, window: Window) -> Window:
    with sessions.begin() as session:
        claimed = leases.claim(session, Window, window.id, lease=LEASE, max_attempts=5)
        assert claimed is not None
        return claimed


def reserve(sessions: Sessions, window: Window, usd: Decimal = WORST) -> Grant:
    return sessions.run(lambda session: budgets.reserve(session, window, usd))


def settle(sessions: Sessions, window: Window, cost_usd: Decimal, uncertain_usd: Decimal = Decimal(0)) -> None:
    def write(session: Session) -> None:
        budgets.settle(session, leases.hold(session, window), cost_usd=cost_usd, uncertain_usd=uncertain_usd)

    sessions.run(write)


def budget_of(sessions: Sessions, job: Job) -> Budget:
    with sessions.begin() as session:
        return session.get_one(Budget, job.id)


def test_workers_that_hammer_one_budget_never_hold_more_than_it_has(sessions: Sessions, settings: Settings) -> None:
    """Each call costs what it was reserved at or less; the windows' rows and the budget's agree in the end."""
    job, claimed = job_with(sessions, settings, budget_usd=0.2, windows=60)
    start, lock, random = Barrier(8), Lock(), Random(7)
    costs = {window.id: WORST * random.randint(3, 10) / 10 for window in claimed}
    called: list[Decimal] = []
    queue = list(claimed)

    def work() -> None:
        start.wait()
        while True:
            with lock:
                if not queue:
                    return
                window = queue.pop()
            while (grant := reserve(sessions, window)) is Grant.LATER:
                pass
            if grant is Grant.OVER:
                continue
            seen = budget_of(sessions, job)
            assert seen.limit_usd is not None
            assert seen.spent_usd + seen.reserved_usd <= seen.limit_usd
            with lock:
                called.append(costs[window.id])
            settle(sessions, window, costs[window.id])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    ended = budget_of(sessions, job)
    assert (ended.spent_usd, ended.reserved_usd, ended.closed) == (sum(called), 0, True)
    assert Decimal("0.2") - WORST < sum(called) <= Decimal("0.2")
    with sessions.begin() as session:
        assert standings(session, [job.id])[job.id].tally.cost_usd == ended.spent_usd


def test_calls_that_cost_more_than_anybody_foresaw_are_the_last(sessions: Sessions, settings: Settings) -> None:
    job, claimed = job_with(sessions, settings, budget_usd=0.02, windows=3)
    assert [reserve(sessions, window) for window in claimed] == [Grant.HELD, Grant.HELD, Grant.LATER]
    for window in claimed[:2]:
        settle(sessions, window, 3 * WORST)
    assert reserve(sessions, claimed[2]) is Grant.OVER
    assert budget_of(sessions, job).spent_usd == 6 * WORST


def test_what_a_call_in_flight_gives_back_is_there_for_the_next(sessions: Sessions, settings: Settings) -> None:
    _, (first, second) = job_with(sessions, settings, budget_usd=0.015, windows=2)
    assert (reserve(sessions, first), reserve(sessions, second)) == (Grant.HELD, Grant.LATER)
    settle(sessions, first, WORST / 2)
    assert reserve(sessions, second) is Grant.HELD


def test_a_budget_that_met_its_limit_stays_closed_also_for_a_cheaper_call(sessions: Sessions, settings: Settings) -> None:
    _, (first, second) = job_with(sessions, settings, budget_usd=0.005, windows=2)
    assert reserve(sessions, first) is Grant.OVER
    assert reserve(sessions, second, Decimal("0.001")) is Grant.OVER


def test_without_a_limit_everything_is_held_and_told(sessions: Sessions, settings: Settings) -> None:
    job, claimed = job_with(sessions, settings, budget_usd=None, windows=3)
    assert {reserve(sessions, window, Decimal(1000)) for window in claimed} == {Grant.HELD}
    with sessions.begin() as session:
        assert standings(session, [job.id])[job.id].tally.reserved_usd == 3000


def test_both_are_safe_to_repeat_after_a_commit_whose_answer_was_lost(sessions: Sessions, settings: Settings) -> None:
    job, (window,) = job_with(sessions, settings, budget_usd=0.02, windows=1)
    assert [reserve(sessions, window) for _ in range(3)] == [Grant.HELD] * 3
    assert budget_of(sessions, job).reserved_usd == WORST
    for _ in range(3):
        settle(sessions, window, WORST / 2, WORST / 4)
    ended = budget_of(sessions, job)
    assert (ended.spent_usd, ended.reserved_usd) == (WORST * 3 / 4, 0)


def test_a_worker_that_lost_its_lease_reserves_nothing_and_gives_nothing_back(sessions: Sessions, settings: Settings) -> None:
    job, (frozen,) = job_with(sessions, settings, budget_usd=0.02, windows=1)
    assert reserve(sessions, frozen) is Grant.HELD
    with sessions.begin() as session:
        session.execute(update(Window).values(lease_until=Window.lease_until - timedelta(hours=1)))
    claim(sessions, frozen)
    for late in (reserve, lambda sessions, window: settle(sessions, window, Decimal(0))):
        with pytest.raises(LeaseLost):
            late(sessions, frozen)
    assert budget_of(sessions, job).reserved_usd == WORST


@pytest.mark.parametrize("end", ["closed", "expired"])
def test_what_a_dead_worker_had_reserved_counts_as_spent_once_nobody_will_tell(sessions: Sessions, settings: Settings, end: str) -> None:
    job, claimed = job_with(sessions, settings, budget_usd=1, windows=2)
    for window in claimed:
        assert reserve(sessions, window) is Grant.HELD
    with sessions.begin() as session:
        if end == "closed":
            for window in claimed:
                settling.close(session, window, state="failed", error={"code": "decoder_failed", "detail": "The worker died."})
        else:
            locked = jobs.lock(session, job.id)
            assert locked is not None
            settling.expire(session, locked)
    ended = budget_of(sessions, job)
    assert (ended.spent_usd, ended.reserved_usd) == (2 * WORST, 0)
    with sessions.begin() as session:
        tally = standings(session, [job.id])[job.id].tally
    assert (tally.cost_usd, tally.uncertain_usd, tally.reserved_usd) == (2 * WORST, 2 * WORST, 0)


def test_what_a_dead_worker_had_reserved_keeps_no_other_window_waiting_once_its_own_has_ended(
    sessions: Sessions, settings: Settings
) -> None:
    job, (dead, other) = job_with(sessions, settings, budget_usd=0.015, windows=2)
    assert (reserve(sessions, dead), reserve(sessions, other)) == (Grant.HELD, Grant.LATER)
    with sessions.begin() as session:
        settling.close(session, dead, state="failed", error={"code": "decoder_failed", "detail": "The worker died."})
    ended = budget_of(sessions, job)
    assert (ended.spent_usd, ended.reserved_usd) == (WORST, 0)
    assert reserve(sessions, other) is Grant.OVER


def test_deleting_the_video_takes_the_budget_with_it(sessions: Sessions, settings: Settings) -> None:
    job, _ = job_with(sessions, settings, budget_usd=1, windows=1)
    with sessions.begin() as session:
        session.query(Job).filter_by(id=job.id).delete()
        assert session.get(Budget, job.id) is None
