"""Events: pages of them, and the write that makes a job's events what they should be."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.errors import NotFound, Unprocessable
from db import changes, words
from db.filters import Filter, Sort, found, place, sorted_by, status
from db.models import EVENT_COLUMNS, Event, EventRow
from db.pages import Page, decode, encode
from db.videos import as_id


def page(connection: Connection, wanted: Filter, *, sort: Sort, limit: int, cursor: str | None) -> Page[EventRow]:
    """Events that match all of the filter, by keyset. Raises `Unprocessable` for a bad cursor."""
    given = wanted.given() | ({} if cursor is None else _last(sort, cursor)) | {"limit": limit + 1}
    if "text" in given:
        rows = words.find(connection, given, wanted.match, sort)
    else:
        rows = list(connection.execute(found(frozenset(given), wanted.match, sort), given).all())  # at once: one by one takes longer
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], encode(sort, [sorted_by(sort, last), str(last.id)]))


def _last(sort: Sort, cursor: str) -> dict[str, Any]:
    """What `found` takes for the last row of the page before."""
    value, last_id = decode(cursor, sort=sort, places=2)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53):
        raise Unprocessable("This is not a cursor of this list; start again without one.", field="cursor")
    return place(sort, value, as_id(last_id))


def of_job(session: Session, job_id: UUID) -> list[EventRow]:
    """All that a job found, by start, but for what a second look rejected."""
    query = select(*EVENT_COLUMNS).where(Event.job_id == job_id, status != "rejected")
    return list(session.execute(query.order_by(Event.start_ms, Event.id)))


def get(session: Session, workspace_id: UUID, event_id: UUID) -> EventRow:
    """Raises `NotFound`, also for another workspace's event."""
    query = select(*EVENT_COLUMNS).where(Event.id == event_id, Event.workspace_id == workspace_id)
    event = session.execute(query).one_or_none()
    if event is None:
        raise NotFound(f"There is no event {event_id}.")
    return event


def become(session: Session, job_id: UUID, rows: Iterable[dict[str, Any]], *, provisional: bool) -> None:
    """Make a job's events exactly these, by id: what is gone is deleted, what changed is updated, the rest is left alone.
    What is deleted or updated belongs to one new change of the job, for those who follow it; that all of them are final now does not.

    `rows` have all the same members, `provisional` not among them: that holds for all of a job's events alike.
    """
    session.execute(update(Event).where(Event.job_id == job_id, Event.provisional != provisional).values(provisional=provisional))
    wanted = {row["id"]: row for row in rows}
    names = list(next(iter(wanted.values()), {"id": None}))
    columns = [getattr(Event, name) for name in names]
    present = {row.id: row._asdict() for row in session.execute(select(*columns).where(Event.job_id == job_id))}
    gone = present.keys() - wanted.keys()
    changed = [row for row in wanted.values() if present.get(row["id"]) != row]
    if not (gone or changed):
        return
    change = changes.begin(session, job_id)
    if gone:
        session.execute(delete(Event).where(Event.id.in_(gone)))
        changes.withdraw(session, job_id, gone, change=change)
    if changed:
        changes.tell_again(session, job_id, wanted.keys() - present.keys())
        # One statement and many parameters: to compile thousands of rows into one takes longer than to write them.
        query = insert(Event)
        updated = {name: query.excluded[name] for name in (*names, "change") if name != "id"}
        parameters = [{**row, "provisional": provisional, "change": change} for row in changed]
        session.connection().execute(query.on_conflict_do_update(index_elements=["id"], set_=updated), parameters)
