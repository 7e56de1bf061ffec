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

from db import changes, jobs
from db.changes import Version
from db.session import Sessions
from services.api.hub import Told
from services.api.jobs import outs

KEPT = 1000

_Asked = tuple[UUID, UUID]
"""A workspace and a job."""


class _Glance(NamedTuple):
    """What was read once the version was known: as it was then, or newer."""

    version: Version | None
    read: asyncio.Task[Told]


class Glances:
    """One for an app; all of it belongs to one event loop, and queries run in threads."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._kept: OrderedDict[_Asked, _Glance] = OrderedDict()
        self._wanted: set[UUID] = set()
        self._next: asyncio.Task[dict[UUID, Version]] | None = None
        self._last: asyncio.Task[dict[UUID, Version]] | None = None

    async def told(self, workspace_id: UUID, job_id: UUID) -> Told:
        """The job as it is now. Raises `NotFound`, also for another workspace's job, and `DatabaseUnavailable`."""
        version, asked = await self._version(job_id), (workspace_id, job_id)
        known = self._kept.get(asked)
        if known is None or known.version != version:
            known = self._keep(asked, version)
        return await asyncio.shield(known.read)  # whoever asked first may leave first

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
        with self._sessions.look() as connection:
            job = jobs.row(connection, workspace_id, job_id)
            [out] = outs(connection, [job])
        return Told.of(job, out)

    def _keep(self, asked: _Asked, version: Version | None) -> _Glance:
        """For whoever asks meanwhile, too: if each of them read a job that changes, all of them would take so long that more come."""
        read = asyncio.create_task(run_in_threadpool(self._read, *asked), context=Context())
        self._kept.pop(asked, None)
        self._kept[asked] = glance = _Glance(version, read)
        read.add_done_callback(lambda read: self._forget(asked, glance) if read.cancelled() or read.exception() else None)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return glance

    def _forget(self, asked: _Asked, glance: _Glance) -> None:
        if self._kept.get(asked) is glance:
            del self._kept[asked]
