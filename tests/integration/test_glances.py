"""Polls: many of one job are answered by what one of them read; while the database is away each is told so, and nothing of it stays."""

import asyncio
import gc
import json
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import event

from core.errors import DatabaseUnavailable
from core.settings import Settings
from db.models import Job
from db.session import Sessions, make_engine
from services.api.glances import Glances
from services.api.hub import Told
from standalone.processes import free_port
from tests.integration import rows

POLLS = 20


async def polled(glances: Glances) -> int:
    """How many of the polls were told that it is away, one after the other."""
    told = 0
    for _ in range(POLLS):
        try:
            await glances.told(uuid4(), uuid4())
        except DatabaseUnavailable:
            told += 1
    return told


def test_polls_that_fail_leave_nothing_behind_and_hold_nothing_up() -> None:
    nowhere = SecretStr(f"postgresql://nobody:nothing@127.0.0.1:{free_port()}/none")
    sessions = Sessions(make_engine(Settings(database_url=nowhere)))
    glances = Glances(sessions)
    assert asyncio.run(polled(glances)) == POLLS
    assert asyncio.run(polled(glances)) == POLLS, "also on another event loop"
    gc.collect()
    assert sum(isinstance(one, DatabaseUnavailable) for one in gc.get_objects()) <= 2
    sessions.engine.dispose()


def test_a_job_that_changed_is_read_once_for_all_who_poll_it_meanwhile(sessions: Sessions, settings: Settings) -> None:
    workspace_id = rows.workspace(sessions)
    job, _ = rows.job(sessions, rows.video(sessions, workspace_id), settings)
    glances, reads = Glances(sessions), 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal reads
        reads += "FROM windows" in statement and "cost_usd" in statement

    async def poll() -> list[Told]:
        told = await asyncio.gather(*(glances.told(workspace_id, job.id) for _ in range(POLLS)))
        with sessions.begin() as session:
            session.get_one(Job, job.id).status = "canceling"
        return told + await asyncio.gather(*(glances.told(workspace_id, job.id) for _ in range(POLLS)))

    event.listen(sessions.engine, "before_cursor_execute", count)
    try:
        told = asyncio.run(poll())
    finally:
        event.remove(sessions.engine, "before_cursor_execute", count)
    assert [json.loads(one.json)["status"] for one in told] == POLLS * ["queued"] + POLLS * ["canceling"]
    assert reads == 2
