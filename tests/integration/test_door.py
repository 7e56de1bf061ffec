"""A key that was let in: it is asked for once for all who come with it, and what was asked before it changed counts for nobody after."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from core.errors import Unauthenticated
from core.settings import Settings
from db import keys
from db.session import Sessions
from services.api.door import Caller, Door

CALLERS = 20


@pytest.fixture
def asked(sessions: Sessions) -> Iterator[list[str]]:
    """Statements that looked a key up."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and "api_keys.sha256 =" in statement:
            found.append(statement)

    event.listen(sessions.engine, "after_cursor_execute", note)
    yield found
    event.remove(sessions.engine, "after_cursor_execute", note)


def test_a_key_is_asked_for_once_for_all_who_come_with_it(sessions: Sessions, settings: Settings, api_key: str, asked: list[str]) -> None:
    door = Door(sessions, settings.model_copy(update={"key_kept": timedelta(0)}))

    async def come() -> list[Caller]:
        first = await door.admit(api_key, None)
        return [first, *await asyncio.gather(*(door.admit(api_key, None) for _ in range(CALLERS)))]

    assert len(set(asyncio.run(come()))) == 1
    assert len(asked) == 2


def test_all_who_come_with_a_key_that_was_revoked_are_refused(sessions: Sessions, settings: Settings, api_key: str) -> None:
    door = Door(sessions, settings.model_copy(update={"key_kept": timedelta(0)}))

    async def come() -> list[Caller | BaseException]:
        caller = await door.admit(api_key, None)
        with sessions.begin() as session:
            keys.revoke(session, keys.get(session, caller.workspace_id, caller.key_id))
        return await asyncio.gather(*(door.admit(api_key, None) for _ in range(CALLERS)), return_exceptions=True)

    assert [type(refused) for refused in asyncio.run(come())] == [Unauthenticated] * CALLERS


def test_what_was_asked_before_a_key_changed_is_not_kept(sessions: Sessions, settings: Settings, api_key: str, asked: list[str]) -> None:
    door = Door(sessions, settings.model_copy(update={"key_kept": timedelta(hours=1)}))

    def change(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Over this process, while it is being asked for."""
        if "api_keys.sha256 =" in statement and len(asked) == 1:
            with sessions.begin() as session:
                found = keys.find(session, api_key)
            assert found
            door.forget(found.id)

    async def come() -> None:
        for _ in range(3):
            await door.admit(api_key, None)

    event.listen(sessions.engine, "after_cursor_execute", change)
    asyncio.run(come())
    event.remove(sessions.engine, "after_cursor_execute", change)
    assert len(asked) == 3, "by the first, by the change, and by the second"
