"""Events: the queries by time, type and text, and the write that makes a job's events what they should be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    cast,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.orm import Session, aliased

from core.errors import NotFound, Unprocessable
from db import changes
from db.models import LENGTHS, Event
from db.pages import Page, decode, encode
from db.videos import as_id

# As in the indexes, letter for letter: with parameters in it an expression is another one.
_rank: ColumnElement[float] = literal_column(Event.RANK, Float)
_status: ColumnElement[str] = literal_column(Event.STATUS, Text)
_length: ColumnElement[int] = literal_column(Event.LENGTH, Integer)

Sort = Literal["start_ms", "-start_ms", "-confidence"]
Match = Literal["overlaps", "within", "starts"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events. Media times in milliseconds; ranges are half-open."""

    workspace_id: UUID
    video_id: UUID | None = None
    job_id: UUID | None = None
    at_ms: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    match: Match = "overlaps"
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    types: tuple[str, ...] = ()
    text: str | None = None
    min_confidence: float | None = None
    verification: tuple[str, ...] = ()


def _in_range(wanted: Filter) -> list[ColumnElement[bool]]:
    """Of a video's events by the index over their spans; of a workspace's by their ends, which `_found` bounds from the other side."""
    low, high = wanted.from_ms, wanted.to_ms
    ends = [Event.start_ms < high] if high is not None else []
    match wanted.match:
        case "overlaps" if wanted.video_id is not None:
            return [Event.span.overlaps(Range(low, high))]
        case "overlaps":
            return [*ends, *([Event.end_ms > low] if low is not None else [])]
        case "within" | "starts":
            inside = [Event.end_ms <= high] if high is not None and wanted.match == "within" else []
            return [*ends, *inside, *([Event.start_ms >= low] if low is not None else [])]


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """All that must hold for an event to be wanted."""
    conditions = [Event.workspace_id == wanted.workspace_id]
    if wanted.video_id is not None:
        conditions.append(Event.video_id == wanted.video_id)
    if wanted.job_id is not None:
        conditions.append(Event.job_id == wanted.job_id)
    if wanted.at_ms is not None:
        at = Event.span.contains(cast(wanted.at_ms, BigInteger))
        conditions += [at] if wanted.video_id is not None else [Event.start_ms <= wanted.at_ms, Event.end_ms > wanted.at_ms]
    if wanted.from_ms is not None or wanted.to_ms is not None:
        conditions += _in_range(wanted)
    if wanted.recorded_from is not None or wanted.recorded_to is not None:
        conditions.append(Event.recorded.overlaps(Range(wanted.recorded_from, wanted.recorded_to)))
    if wanted.types:
        conditions.append(Event.type.in_(wanted.types))
    if wanted.text is not None:
        conditions.append(Event.search.op("@@")(func.websearch_to_tsquery("english", wanted.text)))
    conditions.append(_status.in_(wanted.verification) if wanted.verification else _status != "rejected")
    if wanted.min_confidence is not None:
        conditions.append(_rank <= -wanted.min_confidence)
    return conditions


def _after(sort: Sort, cursor: str) -> ColumnElement[bool]:
    value, last_id = decode(cursor, sort=sort, places=2)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53):
        raise Unprocessable("This is not a cursor of this list; start again without one.", field="cursor")
    row_id = as_id(last_id)
    match sort:
        case "start_ms":
            return tuple_(Event.start_ms, Event.id) > (value, row_id)
        case "-start_ms":
            return tuple_(Event.start_ms, Event.id) < (value, row_id)
        case "-confidence":
            return tuple_(_rank, Event.id) > (1.0 if value is None else -float(value), row_id)


ORDERS: dict[Sort, tuple[Any, ...]] = {
    "start_ms": (Event.start_ms, Event.id),
    "-start_ms": (Event.start_ms.desc(), Event.id.desc()),
    "-confidence": (_rank, Event.id),
}


def page(session: Session, wanted: Filter, *, sort: Sort, limit: int, cursor: str | None) -> Page[Event]:
    """Events that match all of the filter, by keyset. Raises `Unprocessable` for a bad cursor."""
    after = [] if cursor is None else [_after(sort, cursor)]
    rows = list(session.scalars(_found([*conditions(wanted), *after], wanted, sort, limit + 1)))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    place = last.confidence if sort == "-confidence" else last.start_ms
    return Page(rows[:limit], encode(sort, [place, str(last.id)]))


def _found(wanted_rows: list[ColumnElement[bool]], wanted: Filter, sort: Sort, limit: int) -> Select[Event]:
    """Those in order, as many as asked for.

    What goes on at a moment in all videos may have begun at any time before it: of many events that are over, an index in order of starts
    finds the few that are not by looking at each. But one that lasts for no more than a minute has begun within the last minute. So
    events are looked for by how long they last, each kind where it can have begun, and merged.
    """
    going_on = wanted.at_ms if wanted.at_ms is not None else wanted.from_ms if wanted.match == "overlaps" else None
    if wanted.video_id is not None or going_on is None or sort == "-confidence":
        return select(Event).where(*wanted_rows).order_by(*ORDERS[sort]).limit(limit)
    kinds = [
        select(Event)
        .where(*wanted_rows, _length == literal_column(str(kind)), *([Event.start_ms > going_on - longest] if longest else []))
        .order_by(*ORDERS[sort])
        .limit(limit)
        for kind, longest in enumerate((*LENGTHS, None))
    ]
    merged = aliased(Event, union_all(*kinds).subquery())
    order = (merged.start_ms, merged.id) if sort == "start_ms" else (merged.start_ms.desc(), merged.id.desc())
    return select(merged).order_by(*order).limit(limit)


def of_job(session: Session, job_id: UUID) -> list[Event]:
    """All that a job found, by start, but for what a second look rejected."""
    query = select(Event).where(Event.job_id == job_id, _status != "rejected")
    return list(session.scalars(query.order_by(Event.start_ms, Event.id)))


def get(session: Session, workspace_id: UUID, event_id: UUID) -> Event:
    """Raises `NotFound`, also for another workspace's event."""
    event = session.scalars(select(Event).where(Event.id == event_id, Event.workspace_id == workspace_id)).one_or_none()
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
