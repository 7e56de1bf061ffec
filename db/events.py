"""Events: the queries by time, type and text, and the write that makes a job's events what they should be."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Row,
    Select,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, insert
from sqlalchemy.orm import Session

from core.errors import NotFound, Unprocessable
from db import changes
from db.models import LENGTHS, Event
from db.pages import Page, decode, encode
from db.videos import as_id

Sort = Literal["start_ms", "-start_ms", "-confidence"]
Match = Literal["overlaps", "within", "starts"]
EventRow = Row[tuple[Any, ...]]
"""An event's columns by their names, but for those that it is only found by."""

COLUMNS = [column for column in Event.__table__.columns if column.name not in {"span", "search"}]


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

    def given(self) -> dict[str, Any]:
        """The parameters of `conditions`: all that is asked for, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "match"}
        return {name: value for name, value in values.items() if value is not None and value != ()}


# As in the indexes, letter for letter: with parameters in it an expression is another one.
_rank: ColumnElement[float] = literal_column(Event.RANK, Float)
_status: ColumnElement[str] = literal_column(Event.STATUS, Text)
_length: ColumnElement[int] = literal_column(Event.LENGTH, Integer)

ORDERS: dict[Sort, tuple[Any, ...]] = {
    "start_ms": (Event.start_ms, Event.id),
    "-start_ms": (Event.start_ms.desc(), Event.id.desc()),
    "-confidence": (_rank, Event.id),
}
_last_ms, _last_rank, _last_id = bindparam("last", type_=BigInteger), bindparam("last", type_=Float), bindparam("last_id", type_=Uuid)
AFTER: dict[Sort, ColumnElement[bool]] = {
    "start_ms": tuple_(Event.start_ms, Event.id) > tuple_(_last_ms, _last_id),
    "-start_ms": tuple_(Event.start_ms, Event.id) < tuple_(_last_ms, _last_id),
    "-confidence": tuple_(_rank, Event.id) > tuple_(_last_rank, _last_id),
}
"""What comes after the last row of a page."""

_at, _from, _to = (bindparam(name, type_=BigInteger) for name in ("at_ms", "from_ms", "to_ms"))
_since, _until = (bindparam(name, type_=TIMESTAMP(timezone=True)) for name in ("recorded_from", "recorded_to"))
_of_workspace = Event.workspace_id == bindparam("workspace_id", type_=Uuid)

CONDITIONS: dict[str, ColumnElement[bool]] = {
    "video_id": Event.video_id == bindparam("video_id", type_=Uuid),
    "job_id": Event.job_id == bindparam("job_id", type_=Uuid),
    "types": Event.type.in_(bindparam("types", expanding=True)),
    "text": Event.search.op("@@")(func.websearch_to_tsquery("english", bindparam("text", type_=Text))),
    "min_confidence": _rank <= -bindparam("min_confidence", type_=Float),
    "verification": _status.in_(bindparam("verification", expanding=True)),
}
"""By what is given, where nothing else counts."""


def conditions(given: Iterable[str], match: Match) -> list[ColumnElement[bool]]:
    """All that must hold for an event to be wanted; their parameters are those of `Filter.given`."""
    given = set(given)
    of_video = "video_id" in given
    # So that a video's events are not looked for among all of its workspace's.
    found = [_of_workspace.is_(true()) if of_video else _of_workspace]
    found += [condition for name, condition in CONDITIONS.items() if name in given]
    if "verification" not in given:
        found.append(_status != "rejected")
    if "at_ms" in given:
        found += [Event.span.contains(_at)] if of_video else [Event.start_ms <= _at, Event.end_ms > _at]
    if given & {"from_ms", "to_ms"}:
        low, high = (one if one.key in given else None for one in (_from, _to))
        found += _in_range(low, high, match, of_video=of_video)
    if given & {"recorded_from", "recorded_to"}:
        since, until = (one if one.key in given else None for one in (_since, _until))
        found.append(Event.recorded.op("&&")(func.tstzrange(since, until)))
    return found


def _in_range(low: Any, high: Any, match: Match, *, of_video: bool) -> list[ColumnElement[bool]]:
    """Of a video's events by the index over their spans; of a workspace's by their ends, which `_found` bounds from the other side."""
    ends = [Event.start_ms < high] if high is not None else []
    match match:
        case "overlaps" if of_video:
            return [Event.span.op("&&")(func.int8range(low, high))]
        case "overlaps":
            return [*ends, *([Event.end_ms > low] if low is not None else [])]
        case "within" | "starts":
            inside = [Event.end_ms <= high] if high is not None and match == "within" else []
            return [*ends, *inside, *([Event.start_ms >= low] if low is not None else [])]


def page(session: Session, wanted: Filter, *, sort: Sort, limit: int, cursor: str | None) -> Page[EventRow]:
    """Events that match all of the filter, by keyset. Raises `Unprocessable` for a bad cursor."""
    given = wanted.given() | ({} if cursor is None else _place(sort, cursor))
    rows = session.connection().execute(_found(frozenset(given), wanted.match, sort), {**given, "limit": limit + 1}).all()
    if len(rows) <= limit:
        return Page(list(rows), None)
    last = rows[limit - 1]
    place = last.confidence if sort == "-confidence" else last.start_ms
    return Page(list(rows[:limit]), encode(sort, [place, str(last.id)]))


def _place(sort: Sort, cursor: str) -> dict[str, Any]:
    """The parameters of `AFTER`."""
    value, last_id = decode(cursor, sort=sort, places=2)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53):
        raise Unprocessable("This is not a cursor of this list; start again without one.", field="cursor")
    rank = 1.0 if value is None else -value
    return {"last": rank if sort == "-confidence" else value, "last_id": as_id(last_id)}


@lru_cache(maxsize=1000)  # to put one together takes longer than to ask it
def _found(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """Those in order, as many as asked for.

    What goes on at a moment in all videos may have begun at any time before it: of many events that are over, an index in order of starts
    finds the few that are not by looking at each. But one that lasts for no more than a minute has begun within the last minute. So
    events are looked for by how long they last, each kind where it can have begun, and merged.
    """
    wanted = [*conditions(given, match), *([AFTER[sort]] if "last_id" in given else [])]
    limit = bindparam("limit", type_=Integer)
    going_on = _at if "at_ms" in given else _from if "from_ms" in given and match == "overlaps" else None
    if "video_id" in given or going_on is None or sort == "-confidence":
        return select(*COLUMNS).where(*wanted).order_by(*ORDERS[sort]).limit(limit)
    kinds = [
        select(*COLUMNS)
        .where(*wanted, _length == literal_column(str(kind)), *([Event.start_ms > going_on - longest] if longest else []))
        .order_by(*ORDERS[sort])
        .limit(limit)
        for kind, longest in enumerate((*LENGTHS, None))
    ]
    merged = union_all(*kinds).subquery()
    order = (merged.c.start_ms, merged.c.id) if sort == "start_ms" else (merged.c.start_ms.desc(), merged.c.id.desc())
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
