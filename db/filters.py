"""Which events: filters, and the statements that find what they ask for, each by an index."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

from db.indexing import LENGTH, LENGTHS, RANK, STATUS
from db.models import EVENT_COLUMNS, Event, EventRow, Job, Video

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

    def given(self) -> dict[str, Any]:
        """The parameters of `conditions`: all that is asked for, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "match"}
        return {name: value for name, value in values.items() if value is not None and value != ()}


# As in the indexes, letter for letter: with parameters in it an expression is another one.
_rank: ColumnElement[float] = literal_column(RANK, Float)
status: ColumnElement[str] = literal_column(STATUS, Text)
_length: ColumnElement[int] = literal_column(LENGTH, Integer)

_last_ms, _last_rank, _last_id = bindparam("last", type_=BigInteger), bindparam("last", type_=Float), bindparam("last_id", type_=Uuid)
AFTER: dict[Sort, ColumnElement[bool]] = {
    "start_ms": tuple_(Event.start_ms, Event.id) > tuple_(_last_ms, _last_id),
    "-start_ms": tuple_(Event.start_ms, Event.id) < tuple_(_last_ms, _last_id),
    "-confidence": tuple_(_rank, Event.id) > tuple_(_last_rank, _last_id),
}
"""What comes after a row; `place` has the parameters."""


LIMIT = bindparam("limit", type_=Integer)


def in_order(sort: Sort, columns: Any) -> tuple[Any, ...]:
    """What to order events by that have these columns."""
    match sort:
        case "start_ms":
            return columns.start_ms, columns.id
        case "-start_ms":
            return columns.start_ms.desc(), columns.id.desc()
        case "-confidence":
            return _rank, columns.id


def sorted_by(sort: Sort, row: EventRow) -> float | None:
    return row.confidence if sort == "-confidence" else row.start_ms  # type: ignore[no-any-return]


def place(sort: Sort, first: float | None, last_id: UUID) -> dict[str, Any]:
    """`first` is what the row is sorted by."""
    return {"last": first if sort != "-confidence" else 1.0 if first is None else -first, "last_id": last_id}


_workspace, _video, _job = (bindparam(name, type_=Uuid) for name in ("workspace_id", "video_id", "job_id"))
_at, _from, _to = (bindparam(name, type_=BigInteger) for name in ("at_ms", "from_ms", "to_ms"))
_since, _until = (bindparam(name, type_=TIMESTAMP(timezone=True)) for name in ("recorded_from", "recorded_to"))

HAS_WORDS = Event.search.op("@@", return_type=Boolean)(func.websearch_to_tsquery("english", bindparam("text", type_=Text)))

CONDITIONS: dict[str, ColumnElement[bool]] = {
    "types": Event.type.in_(bindparam("types", expanding=True)),
    "text": HAS_WORDS,
    "min_confidence": _rank <= -bindparam("min_confidence", type_=Float),
    "verification": status.in_(bindparam("verification", expanding=True)),
}
"""By what is given, where nothing else counts."""


def conditions(given: Iterable[str], match: Match) -> list[ColumnElement[bool]]:
    """All that must hold for an event to be wanted; their parameters are those of `Filter.given`."""
    given = frozenset(given)
    found = [*_whose(given), *(condition for name, condition in CONDITIONS.items() if name in given)]
    if "verification" not in given:
        found.append(status != "rejected")
    if "at_ms" in given:
        found += [Event.span.contains(_at)] if _has_spans(given) else [Event.start_ms <= _at, Event.end_ms > _at]
    if given & {"from_ms", "to_ms"}:
        found += _in_range(*_ends(given, _from, _to), match=match, by_span=_has_spans(given))
    if given & {"recorded_from", "recorded_to"}:
        found.append(Event.recorded.op("&&")(func.tstzrange(*_ends(given, _since, _until))))
    return found


def _whose(given: frozenset[str]) -> list[ColumnElement[bool]]:
    """The narrowest that is asked for. Whether that lies within the others is asked once, and not of each event."""
    if "job_id" in given:
        of_video = [Job.video_id == _video] if "video_id" in given else []
        return [Event.job_id == _job, exists().where(Job.id == _job, Job.workspace_id == _workspace, *of_video)]
    if "video_id" in given:
        return [Event.video_id == _video, exists().where(Video.id == _video, Video.workspace_id == _workspace)]
    return [Event.workspace_id == _workspace]


def _has_spans(given: frozenset[str]) -> bool:
    """Whether there is an index over the spans of what is asked for: only those of a video have one."""
    return "video_id" in given and "job_id" not in given


def _ends(given: frozenset[str], *ends: BindParameter[Any]) -> list[BindParameter[Any] | None]:
    """None for what is open."""
    return [end if end.key in given else None for end in ends]


def _in_range(low: Any, high: Any, *, match: Match, by_span: bool) -> list[ColumnElement[bool]]:
    if match == "overlaps" and by_span:
        return [Event.span.op("&&")(func.int8range(low, high))]
    found = [] if low is None else [Event.end_ms > low if match == "overlaps" else Event.start_ms >= low]
    if high is not None:
        found += [Event.start_ms < high, *([Event.end_ms <= high] if match == "within" else [])]
    return found


@lru_cache(maxsize=1000)  # to put one together takes longer than to ask it
def found(given: frozenset[str], match: Match, sort: Sort, *, columns: tuple[Any, ...] = EVENT_COLUMNS) -> Select[Any]:
    """Those in order, as many as the parameter `limit` says, after the row with `last` and `last_id` where these are given.

    What goes on in a stretch may have begun at any time before it, and an index in order of starts finds it by looking at all that ever
    began. So it is looked for in parts, where an index finds each at once, and these are merged.
    """
    parts = [] if sort == "-confidence" else _in_video(given, match) if _has_spans(given) else _in_workspace(given, match)
    if not parts:
        return those_with(conditions(given, match), given, sort, columns=columns)
    merged = union_all(*(those_with(part, given, sort, columns=columns) for part in parts)).subquery()
    return select(merged).order_by(*in_order(sort, merged.c)).limit(LIMIT)


def those_with(
    wanted: list[ColumnElement[bool]], given: frozenset[str], sort: Sort, *, columns: tuple[Any, ...] = EVENT_COLUMNS
) -> Select[Any]:
    """Those that are wanted, in order, after the last of the page before; the parameters are those of `found`."""
    after = [AFTER[sort]] if "last_id" in given else []
    return select(*columns).where(*wanted, *after).order_by(*in_order(sort, Event)).limit(LIMIT)


def _in_video(given: frozenset[str], match: Match) -> list[list[ColumnElement[bool]]]:
    """What goes on where the stretch begins is found by the spans, what begins within it by the starts. A stretch of wall-clock time is one
    of the video, too.
    """
    stretch = given & {"from_ms", "to_ms"} if match == "overlaps" else frozenset()
    lows = [_from] if "from_ms" in stretch else []
    highs = [_to] if "to_ms" in stretch else []
    if "recorded_from" in given:
        lows.append(_in_media_time(_since, func.floor))
    if "recorded_to" in given:
        highs.append(_in_media_time(_until, func.ceil))
    wanted = [*conditions(given - stretch, match), *(Event.start_ms < high for high in highs)]
    if not lows:
        return [wanted] if highs else []
    low = func.greatest(*lows)
    return [[*wanted, Event.span.contains(low), Event.start_ms < low], [*wanted, Event.start_ms >= low]]


def _in_media_time(end: BindParameter[Any], rounded: Callable[[Any], Any]) -> Any:
    """Of the video, in milliseconds; null where nobody said when it was recorded."""
    passed_ms = rounded(func.extract("epoch", end - Video.recorded_at) * 1000)
    return select(cast(passed_ms, BigInteger)).where(Video.id == _video).scalar_subquery()


def _in_workspace(given: frozenset[str], match: Match) -> list[list[ColumnElement[bool]]]:
    """What lasts for no more than a second has begun within the second before, what lasts for no more than 4 s within those; and so on."""
    going_on = _at if "at_ms" in given else _from if "from_ms" in given and match == "overlaps" else None
    if going_on is None or "job_id" in given:
        return []
    wanted = conditions(given, match)
    lasting = [[*wanted, _length == literal_column(str(kind)), Event.start_ms > going_on - most] for kind, most in enumerate(LENGTHS)]
    return [*lasting, [*wanted, _length == literal_column(str(len(LENGTHS)))]]
