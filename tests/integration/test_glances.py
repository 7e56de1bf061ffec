"""Polls while the database is away: each is told so, and nothing of it stays."""

import asyncio
import gc
from uuid import uuid4

from pydantic import SecretStr

from core.errors import DatabaseUnavailable
from core.settings import Settings
from db.session import Sessions, make_engine
from services.api.glances import Glances
from standalone.processes import free_port

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
