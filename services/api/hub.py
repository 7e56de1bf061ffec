"""Jobs that somebody follows right now, looked at by this process for all who do.

While anybody follows anything, one task asks the database which jobs changed, in one query for all, and reads those that did. Whoever
follows keeps only how far they were told; what comes after that is read once for all who are equally far. So clients cost no queries of
their own, and none is buffered for. All of this belongs to one event loop; queries run in threads.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Self, cast
from uuid import UUID

import structlog
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from core.errors import PlayheadError, TooManyStreams
from core.settings import Settings
from db import changes, jobs
from db.changes import Place, Version
from db.models import EventRow, JobRow, WithdrawnEvent
from db.resources.events import EventOut
from db.resources.jobs import JobOut
from db.session import Sessions
from services.api.jobs import outs

log = structlog.get_logger(__name__)

PAGE = 100
PAGES_KEPT = 32
READERS = 2
"""Pages that are read at a time: who comes to a long list of events must not take every connection."""


class Told(NamedTuple):
    """A job as the API tells of it. `digest` is another where anything is; `changes` counts those of its events up to then."""

    json: str
    digest: str
    changes: int
    ended: bool

    @classmethod
    def of(cls, job: JobRow, out: JobOut) -> Self:
        json = out.model_dump_json()
        return cls(json, blake2b(json.encode(), digest_size=6).hexdigest(), job.changes, job.completed_at is not None)


class News(NamedTuple):
    """What there is to tell of an event, and its place among the changes."""

    place: Place
    name: str
    json: str

    @classmethod
    def of(cls, row: EventRow | WithdrawnEvent) -> Self:
        if isinstance(row, WithdrawnEvent):
            return cls(changes.place(row), "withdrawn", f'{{"id":"{row.id}","object":"event","job_id":"{row.job_id}"}}')
        return cls(changes.place(row), "event", EventOut.of(row).model_dump_json())


@dataclass(eq=False)
class Followed:
    """A job that is followed. `told`: None until it was looked at. `gone`: it was deleted. `closing`: this process stops."""

    id: UUID
    followers: int = 0
    version: Version | None = None
    told: Told | None = None
    gone: bool = False
    closing: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def news(self, since: Told | None) -> None:
        """Return once there is something else to tell than that, or nothing any more."""
        while self.told in {None, since} and not (self.gone or self.closing):
            await self._news.wait()

    def became(self, now: tuple[Version, Told] | None) -> None:
        """None: it is gone."""
        if now is None:
            self.gone = True
        else:
            self.version, self.told = now
        self.wake()

    def wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Hub:
    """One for an app."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self._sessions = sessions
        self._most = settings.max_streams
        self._every_s = settings.stream_every.total_seconds()
        self._followed: dict[UUID, Followed] = {}
        self._pages: dict[tuple[UUID, Place, int], asyncio.Task[list[News]]] = {}
        self._reads: set[asyncio.Task[list[News]]] = set()
        self._reading = asyncio.Semaphore(READERS)
        self._somebody_came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._away = self._closing = False

    @contextmanager
    def following(self, job_id: UUID) -> Iterator[Followed]:
        """Look at a job while this lasts. Raises `TooManyStreams`."""
        self.check_room()
        followed = self._followed.setdefault(job_id, Followed(job_id, closing=self._closing))
        followed.followers += 1
        self._somebody_came.set()
        self._task = self._task or asyncio.create_task(self._look_on(), context=Context())  # it is no request's
        try:
            yield followed
        finally:
            followed.followers -= 1
            if not followed.followers:
                del self._followed[job_id]

    def check_room(self) -> None:
        if sum(followed.followers for followed in self._followed.values()) >= self._most:
            raise TooManyStreams("As many clients follow jobs here as may (PLAYHEAD_MAX_STREAMS); try again later.", retry_after_s=5)

    def close(self) -> None:
        """Send everybody away, now and from now on."""
        self._closing = True
        for followed in self._followed.values():
            followed.closing = True
            followed.wake()

    async def ended(self) -> None:
        """Close, and let the last queries come to their end."""
        self.close()
        self._somebody_came.set()
        await asyncio.gather(*([self._task] if self._task else []), *self._reads, return_exceptions=True)

    async def page(self, followed: Followed, told: Told, after: Place) -> list[News]:
        """The next changes of the job's events after a place, among them all up to what was told; empty: there are no more.

        Raises `DatabaseUnavailable`.
        """
        key = followed.id, after, told.changes
        if key not in self._pages:
            self._pages[key] = reads = asyncio.create_task(self._read_page(followed.id, after))
            self._reads.add(reads)
            reads.add_done_callback(self._reads.discard)
            if len(self._pages) > PAGES_KEPT:
                del self._pages[next(iter(self._pages))]
        try:
            return await asyncio.shield(self._pages[key])  # whoever asked first may leave first
        except Exception:
            self._pages.pop(key, None)
            raise

    async def pause(self) -> None:
        """Until it is worth another try."""
        await asyncio.sleep(self._every_s)

    async def _read_page(self, job_id: UUID, after: Place) -> list[News]:
        def read() -> list[News]:
            with self._sessions.begin() as session:
                return [News.of(row) for row in changes.page(session, job_id, after=after, limit=PAGE)]

        async with self._reading:
            return await run_in_threadpool(read)

    async def _look_on(self) -> None:
        clock = asyncio.get_running_loop().time
        due = 0.0
        try:
            while self._followed and not self._closing:
                all_are_due = clock() >= due
                if all_are_due:
                    due = clock() + self._every_s
                await self._look([one for one in self._followed.values() if all_are_due or one.told is None])
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await self._somebody_came.wait()
                self._somebody_came.clear()
        finally:
            self._task = None
            self._pages.clear()

    async def _look(self, those: Collection[Followed]) -> None:
        """With the database away, everybody waits."""
        try:
            now = await run_in_threadpool(self._read, {one.id: one.version for one in those})
        except PlayheadError as error:
            if not self._away:
                log.warning("hub.waits", error=error.as_dict())
            self._away = True
            return
        except Exception:
            log.exception("hub.failed")
            return
        self._away = False
        for one in those:
            if one.id in now:
                one.became(now[one.id])

    def _read(self, known: Mapping[UUID, Version | None]) -> dict[UUID, tuple[Version, Told] | None]:
        """Those that are not as they were known, and None for those that are gone."""
        if not known:
            return {}
        with self._sessions.look() as connection:
            versions = changes.versions(connection, known)
            changed = [job_id for job_id, version in versions.items() if version != known[job_id]]
            found = jobs.rows(connection, changed) if changed else []
            told = [(job.id, Told.of(job, out)) for job, out in zip(found, outs(connection, found), strict=True)]
        return {**dict.fromkeys(known.keys() - versions.keys()), **{job_id: (versions[job_id], seen) for job_id, seen in told}}


def hub_of(request: Request) -> Hub:
    return cast("Hub", request.app.state.hub)
