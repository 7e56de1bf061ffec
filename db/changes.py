"""What changed of a job and its events, for those who follow it.

Whenever a job's events change, in one transaction, its `changes` counts one more, and the rows that are new or different carry that number;
those that are withdrawn leave a row with it behind. The job's row is locked by that, so numbers become visible in their order, and
whoever was told everything up to a place misses nothing by asking for what comes after it, as often as it likes, of whichever process.
A row has only its last number: what changed twice in between is told once, as it is now.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, Text, cast, delete, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import EVENT_COLUMNS, Budget, Event, EventRow, Fetch, Job, WithdrawnEvent
from db.standings import JOB_IDS


class Place(NamedTuple):
    """How far somebody was told of a job's changes. Those of one change are told in the order of their ids."""

    change: int
    id: UUID


START = Place(-1, UUID(int=0))
"""Before everything; 0 is the change of events that are older than the count."""


class Version(NamedTuple):
    """Differs once anything of a job, its windows or its events does: the versions of the rows that every change touches."""

    job: str
    budget: str
    fetch: str | None


_VERSIONS = (  # put together once: that takes longer than to ask
    select(Job.id, *(cast(literal_column(f"{table.__tablename__}.xmin"), Text) for table in (Job, Budget, Fetch)))
    .join(Budget, Budget.job_id == Job.id)
    .outerjoin(Fetch, Fetch.job_id == Job.id)
    .where(Job.id == JOB_IDS)
)


def begin(session: Session, job_id: UUID) -> int:
    """The number of a new change of the job's events; its row is locked until the transaction ends."""
    return session.scalars(update(Job).where(Job.id == job_id).values(changes=Job.changes + 1).returning(Job.changes)).one()


def withdraw(session: Session, job_id: UUID, event_ids: Iterable[UUID], *, change: int) -> None:
    """Leave a word about events that are deleted."""
    query = insert(WithdrawnEvent).on_conflict_do_update(index_elements=["id"], set_={"change": change})
    session.connection().execute(query, [{"id": event_id, "job_id": job_id, "change": change} for event_id in event_ids])


def tell_again(session: Session, job_id: UUID, event_ids: Collection[UUID]) -> None:
    """Events that are there, maybe after they were withdrawn."""
    if event_ids:
        withdrawn = WithdrawnEvent.job_id == job_id
        session.execute(delete(WithdrawnEvent).where(withdrawn, WithdrawnEvent.id.in_(event_ids)))


def versions(connection: Connection, job_ids: Collection[UUID]) -> dict[UUID, Version]:
    """Job id -> its version; jobs that were deleted are left out. Cheap: three rows a job, by their keys."""
    found = connection.execute(_VERSIONS, {"job_ids": list(job_ids)})
    return {job_id: Version(*rows) for job_id, *rows in found}


def page(session: Session, job_id: UUID, *, after: Place, limit: int) -> list[EventRow | WithdrawnEvent]:
    """The job's next changes after a place, in order."""

    def next_of(kind: type[Event | WithdrawnEvent], columns: Select[Any]) -> Select[Any]:
        of_job = columns.where(kind.job_id == job_id, tuple_(kind.change, kind.id) > after)
        return of_job.order_by(kind.change, kind.id).limit(limit)

    events = session.execute(next_of(Event, select(*EVENT_COLUMNS))).all()
    withdrawn = session.scalars(next_of(WithdrawnEvent, select(WithdrawnEvent))).all()
    return sorted([*events, *withdrawn], key=place)[:limit]


def place(row: EventRow | WithdrawnEvent) -> Place:
    return Place(row.change, row.id)
