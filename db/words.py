"""Words among all events of a workspace, in order: a page of them, whether one event in two has them or one in a million.

An index in order finds the first of many soon, and an index of words all of a few, which are sorted then. In between both take long. So the
first events are looked through in order; if these are not enough, the index of words is asked for one slice of time after the other, until
a page is full: `Event.WORDS` has the words of each slice by themselves.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, func, select, text

from db.filters import HAS_WORDS, Match, Sort, found, place, sorted_by
from db.models import EVENT_COLUMNS, SLICES, Event, EventRow

LOOKED_THROUGH = 2000
"""Events that are looked through in order: enough for a page of what one in twenty has."""

_CAN_BE_FOUND = select(func.querytree(func.websearch_to_tsquery("english", bindparam("text", type_=Text))))
"""What an index can find of a query. Empty: there are no words in it. T: whatever lacks some words is asked for as well."""

_WORDS_OF_SLICES = text(
    f"{Event.WORDS} @@ (SELECT string_agg('(' || regexp_replace(websearch_to_tsquery('english', :text)::text, '''((?:[^'']|'''')*)''',"
    " '''' || left(md5(CAST(:workspace_id AS text) || slice::text), 8) || '\\1''', 'g') || ')', ' | ')::tsquery"
    " FROM unnest(CAST(:slices AS int[])) AS slice)"  # noqa: S608 -- of constants
)


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
    statement = _by_words(shape | last.keys(), match, sort)
    for slices in _batches(_slices(given, sort, looked[-1])):
        rows += connection.execute(statement, {**given, **last, "slices": slices, "limit": wanted - len(rows)})
        if len(rows) == wanted:
            break
    return rows


@lru_cache(maxsize=1000)
def _first(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """Those with the words among the first that are wanted otherwise, and the very last of these."""
    first = found(given - {"text"}, match, sort, columns=(*EVENT_COLUMNS, HAS_WORDS.label("has_words"))).subquery()
    numbered = select(first, func.row_number().over().label("number")).subquery()
    return select(numbered).where(numbered.c.has_words | (numbered.c.number == LOOKED_THROUGH)).order_by(numbered.c.number)


@lru_cache(maxsize=1000)
def _by_words(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """As `found`, among those alone that have the words in some slices: left to itself, the planner would choose what it knows more of."""
    those = select(Event.__table__).where(_WORDS_OF_SLICES).cte("events").prefix_with("MATERIALIZED")
    return found(given, match, sort).add_cte(those)


def _slices(given: Mapping[str, Any], sort: Sort, last: EventRow) -> Sequence[int]:
    """Those that what comes after a row may begin in, in order."""
    if sort == "-start_ms":
        return range(_slice(last.start_ms), -1, -1)
    if sort == "start_ms":
        ends = [given[name] for name in ("at_ms", "to_ms") if name in given]
        return range(_slice(last.start_ms), _slice(min(ends)) + 1 if ends else len(SLICES) + 1)
    return range(len(SLICES) + 1)


def _slice(start_ms: int) -> int:
    return bisect_right(SLICES, start_ms)


def _batches(slices: Sequence[int]) -> Iterator[list[int]]:
    """One, and then as many again as there were before: where little is found in some, there will be little in more."""
    ends = [0, 1]
    while ends[-2] < len(slices):
        yield list(slices[ends[-2] : ends[-1]])
        ends.append(2 * ends[-1])
