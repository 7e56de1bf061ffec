"""When a sweep is made, by the database's clock alone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update

from core.queue import PLAN
from core.settings import Settings
from db.models import Heartbeat
from db.session import Sessions
from tests.integration import rows
from workers import app
from workers.runtime import Runtime, make_runtime
from workers.sweeping import sweep_if_due


@pytest.fixture
def rung() -> list[str]:
    return []


@pytest.fixture
def runtime(settings: Settings, rung: list[str]) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield replace(made, ring=lambda task, _: rung.append(task))
    made.sessions.engine.dispose()


def pass_by(sessions: Sessions, settings: Settings) -> None:
    """The time from one sweep to the next."""
    with sessions.begin() as session:
        session.execute(update(Heartbeat).values(seen_at=Heartbeat.seen_at - settings.sweep_every))


def test_sweeps_that_piled_up_are_made_once_and_the_next_one_in_its_time(
    runtime: Runtime, rung: list[str], sessions: Sessions, settings: Settings
) -> None:
    rows.job(sessions, rows.video(sessions, rows.workspace(sessions)), settings)
    for _ in range(5):
        sweep_if_due(runtime)
    assert rung == [PLAN]
    pass_by(sessions, settings)
    sweep_if_due(runtime)
    assert rung == [PLAN, PLAN]


def test_a_sweep_is_made_whatever_the_clocks_of_the_machines_say() -> None:
    """Celery compares `expires` and `eta`, which one machine wrote, with the clock of another."""
    for entry in (app.SWEEP_OPTIONS, *(each["options"] for each in app.app.conf.beat_schedule.values())):
        assert not {"expires", "eta", "countdown"} & set(entry)
