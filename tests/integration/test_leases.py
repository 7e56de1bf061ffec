"""Claims, leases and fences on the real Postgres."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from core.errors import DecoderFailed, ModelUnavailable
from core.settings import Settings
from db import leases
from db.leases import LeaseLost
from db.models import Window
from db.session import Sessions
from tests.integration import rows

LEASE = timedelta(seconds=30)


@pytest.fixture
def window(sessions: Sessions, settings: Settings) -> Window:
    job, _ = rows.job(sessions, rows.video(sessions, rows.workspace(sessions)), settings)
    return rows.planned(sessions, job, spans=[(0, 64_000)])[0]


def claim(sessions: Sessions, window: Window, *, max_attempts: int = 5) -> Window | None:
    with sessions.begin() as session:
        return leases.claim(session, Window, window.id, lease=LEASE, max_attempts=max_attempts)


def lapse(sessions: Sessions, window: Window) -> None:
    with sessions.begin() as session:
        session.execute(update(Window).where(Window.id == window.id).values(lease_until=Window.lease_until - timedelta(hours=1)))


def test_fifty_deliveries_of_one_message_make_one_claim(sessions: Sessions, window: Window) -> None:
    with ThreadPoolExecutor(10) as pool:
        claimed = [found for found in pool.map(lambda _: claim(sessions, window), range(50)) if found]
    assert [found.attempts for found in claimed] == [1]


def test_work_whose_worker_let_its_lease_run_out_is_claimed_again_with_another_token(sessions: Sessions, window: Window) -> None:
    first = claim(sessions, window)
    assert first is not None
    assert claim(sessions, window) is None
    lapse(sessions, window)
    second = claim(sessions, window)
    assert second is not None
    assert second.attempts == 2
    assert second.lease_token != first.lease_token


def test_a_worker_frozen_past_its_lease_can_neither_renew_nor_write(sessions: Sessions, window: Window) -> None:
    frozen = claim(sessions, window)
    assert frozen is not None
    lapse(sessions, window)
    claim(sessions, window)
    with pytest.raises(LeaseLost), sessions.begin() as session:
        leases.renew(session, frozen, lease=LEASE)
    with pytest.raises(LeaseLost), sessions.begin() as session:
        leases.hold(session, frozen)


def test_an_outage_burns_no_attempt_and_a_crash_does(sessions: Sessions, window: Window) -> None:
    first = claim(sessions, window)
    assert first is not None
    with sessions.begin() as session:
        leases.hand_back(session, first, after=timedelta(0), error=ModelUnavailable("away"), blameless=True)
    second = claim(sessions, window)
    assert second is not None
    assert (second.attempts, second.outages) == (1, 1)
    with sessions.begin() as session:
        leases.hand_back(session, second, after=timedelta(0), error=DecoderFailed("died"), blameless=False)
    third = claim(sessions, window)
    assert third is not None
    assert (third.attempts, third.outages) == (2, 1)


def test_work_handed_back_for_later_is_not_due_before(sessions: Sessions, window: Window) -> None:
    held = claim(sessions, window)
    assert held is not None
    with sessions.begin() as session:
        leases.hand_back(session, held, after=timedelta(hours=1), blameless=True)
        assert leases.due(session, Window, limit=10) == []
    assert claim(sessions, window) is None


def test_work_that_used_up_its_attempts_is_offered_to_nobody_but_the_one_who_buries_it(sessions: Sessions, window: Window) -> None:
    claim(sessions, window, max_attempts=1)
    lapse(sessions, window)
    assert claim(sessions, window, max_attempts=1) is None
    with sessions.begin() as session:
        [work] = leases.exhausted(session, Window, max_attempts=1)
        assert leases.seize(session, work, max_attempts=1) is not None
    with sessions.begin() as session:
        assert leases.exhausted(session, Window, max_attempts=1) == []
