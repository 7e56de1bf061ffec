"""Jobs as they were last told of by this process, for those who ask again and again.

Unless something of a job changed, the versions of its rows are all that is asked of the database, once for all who ask meanwhile.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from contextvars import Context
from typing import NamedTuple
from uuid import UUID

from fastapi.concurrency import run_in_threadpool

from db import changes
from db.changes import Version
from db.session import Sessions
from services.api.hub import Told
from services.api.jobs import find

KEPT = 1000


class _Glance(NamedTuple):
    workspace_id: UUID
    version: Version
    told: Told


class Glances:
    """One for an app; all of it belongs to one event loop, and queries run in threads."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._kept: OrderedDict[UUID, _Glance] = OrderedDict()
        self._wanted: set[UUID] = set()
        self._next: asyncio.Task[dict[UUID, Version]] | None = None
        self._last: asyncio.Task[dict[UUID, Version]] | None = None

    async def told(self, workspace_id: UUID, job_id: UUID) -> Told:
        """The job as it is now. Raises `NotFound`, also for another workspace's job, and `DatabaseUnavailable`."""
        version = await self._version(job_id)
        known = self._kept.get(job_id)
        if known and known[:2] == (workspace_id, version):
            return known.told
        told = await run_in_threadpool(self._read, workspace_id, job_id)
        if version is not None:  # asked for before the rest was: what changed in between is read again next time
            self._keep(job_id, _Glance(workspace_id, version, told))
        return told

    async def _version(self, job_id: UUID) -> Version | None:
        """As it is after this was called: whoever comes while a query is on its way gets the answer to the next one."""
        self._wanted.add(job_id)
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._ask(self._last), context=Context())  # it is no request's
        return (await asyncio.shield(self._next)).get(job_id)  # whoever asked first may leave first

    async def _ask(self, before: asyncio.Task[dict[UUID, Version]] | None) -> dict[UUID, Version]:
        """Once the query before this one has ended, however it did."""
        if before and not before.done():
            await asyncio.wait([before])
        del before  # or while queries fail, each keeps the one before it, with all that its exception holds
        wanted, self._wanted = self._wanted, set()
        self._last, self._next = self._next, None
        return await run_in_threadpool(self._versions, wanted)

    def _versions(self, wanted: Collection[UUID]) -> dict[UUID, Version]:
        with self._sessions.look() as connection:
            return changes.versions(connection, wanted)

    def _read(self, workspace_id: UUID, job_id: UUID) -> Told:
        with self._sessions.begin() as session:
            return Told.of(*find(session, workspace_id, job_id))

    def _keep(self, job_id: UUID, glance: _Glance) -> None:
        self._kept.pop(job_id, None)
        self._kept[job_id] = glance
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
