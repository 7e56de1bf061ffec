"""Words among all events of a workspace, in order: a page of them, whether one event in two has them or one in a million.

An index in order finds the first of many soon, and an index of words all of a few, which are sorted then. In between both take long. So the
first events are looked through in order; if these are not enough, the index of words is asked for one slice of time after the other, until
a page is full: `Event.WORDS` has the words of each slice by themselves.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, Boolean, Connection, Integer, Select, Text, Uuid, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import TSQUERY

from db.filters import HAS_WORDS, LIMIT, Match, Sort, conditions, found, in_order, place, sorted_by, those_with
from db.models import EVENT_COLUMNS, SLICES, Event, EventRow

LOOKED_THROUGH = 600
"""Events that are looked through in order: enough for a page of what one in six has."""

_asked = func.websearch_to_tsquery("english", bindparam("text", type_=Text))
_CAN_BE_FOUND = select(func.querytree(_asked))
"""What an index can find of a query. Empty: there are no words in it. T: whatever lacks some words is asked for as well."""

_slices = func.unnest(bindparam("slices", type_=ARRAY(Integer))).table_valued("slice").render_derived()
_mark = func.left(func.md5(cast(bindparam("workspace_id", type_=Uuid), Text) + cast(_slices.c.slice, Text)), 8)
_marked = cast(func.regexp_replace(cast(_asked, Text), "'((?:[^']|'')*)'", "'" + _mark + r"\1'", "g"), TSQUERY)
_HAS_WORDS_IN_SLICE = literal_column(Event.WORDS).op("@@", return_type=Boolean)(_marked)
"""The query with the mark of a slice before each of its words, as `Event.WORDS` has them."""


_IS_IN_SLICE = literal_column(Event.SLICE, Integer) == _slices.c.slice
"""Two slices may have the same mark."""


def are_wanted(given: Mapping[str, Any]) -> bool:
    """Whether words are looked for in a whole workspace: a video or a job is looked through."""
    return "text" in given and not given.keys() & {"video_id", "job_id"}


def find(connection: Connection, given: Mapping[str, Any], match: Match, sort: Sort) -> list[EventRow]:
    """As many as `given["limit"]` says, as `db.filters.found` has them."""
    shape, wanted = frozenset(given), given["limit"]
    can_be_found = connection.execute(_CAN_BE_FOUND, given).scalar_one()
    if can_be_found in {"", "T"}:
        return list(connection.execute(found(shape, match, sort), given)) if can_be_found else []
    looked = connection.execute(_first(shape, match, sort), {**given, "limit": LOOKED_THROUGH}).all()
    rows = [row for row in looked if row.has_words][:wanted]
    if len(rows) == wanted or not looked or looked[-1].number < LOOKED_THROUGH:
        return rows
    last = place(sort, sorted_by(sort, looked[-1]), looked[-1].id)
    statement = _by_words(shape.union(last), match, sort)
    for slices in _batches(given, sort, looked[-1]):
        told = {row.id for row in rows}  # what has just moved on is not told twice
        more = connection.execute(statement, {**given, **last, "slices": list(slices), "limit": wanted - len(rows)})
        rows += [row for row in more if row.id not in told]
        if len(rows) == wanted:
            break
    return rows


@lru_cache(maxsize=1000)
def _first(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """Those with the words among the first that are wanted otherwise, and the very last of these."""
    first = found(given - {"text"}, match, sort, columns=(*EVENT_COLUMNS, HAS_WORDS.label("has_words"))).subquery()
    numbered = select(first, func.row_number().over(order_by=in_order(sort, first.c)).label("number")).subquery()
    is_last = numbered.c.number == LIMIT
    return select(numbered).where(numbered.c.has_words | is_last).order_by(numbered.c.number)


@lru_cache(maxsize=1000)
def _by_words(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """As `found`, among those alone that have the words in some slices: left to itself, the planner would choose what it knows more of."""
    those = (
        select(Event.__table__)
        .join_from(_slices, Event.__table__, _HAS_WORDS_IN_SLICE & _IS_IN_SLICE)
        .cte("events")
        .prefix_with("MATERIALIZED")
    )
    return those_with(conditions(given, match), given, sort).add_cte(those)


def _batches(given: Mapping[str, Any], sort: Sort, last: EventRow) -> Iterator[Sequence[int]]:
    """The slices that what comes after a row may begin in: those of one batch come before those of the next."""
    everywhere = range(len(SLICES) + 1)
    match sort:
        case "start_ms":
            ends = [given[name] for name in ("at_ms", "to_ms") if name in given]
            yield from _growing(everywhere[_slice(last.start_ms) : _slice(min(ends)) + 1 if ends else None])
        case "-start_ms":
            yield from _growing(everywhere[_slice(last.start_ms) :: -1])
        case "-confidence":
            yield everywhere


def _slice(start_ms: int) -> int:
    return bisect_right(SLICES, start_ms)


def _growing(slices: Sequence[int]) -> Iterator[Sequence[int]]:
    """One, and then as many again as there were before: where little is found in some, there will be little in more."""
    begin, end = 0, 1
    while begin < len(slices):
        yield slices[begin:end]
        begin, end = end, 2 * end
