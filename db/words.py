"""Words among events, in order: a page of them, whether one event in two has them or one in a million.

An index in order finds the first of many soon, and an index of words all of a few, which are sorted then. In between both take long. So the
first events are looked through in order, and more while these promise a page; otherwise the index of words is asked for one slice of time
after the other, until a page is full: `db.indexing.WORDS` has the words of each slice by themselves, and whose they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Connection, Integer, Select, Text, bindparam, cast, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import TSQUERY

from db.filters import HAS_WORDS, LIMIT, Match, Sort, conditions, found, in_order, place, sorted_by, those_with
from db.indexing import SLICE, SLICES, WORDS, first_of, in_slice, last_of, length_tags, owner_tag, slice_of, type_tags
from db.models import EVENT_COLUMNS, Event, EventRow

LOOKED_THROUGH = {"workspace": 300, "owner": 600}
"""Events that are looked through in order at first. Those of a video or a job lie side by side: in the same time there can be more."""

PROMISING = 1500
"""As long as so many more will do for a page, by what was found among the last ones, they are looked through too."""

ENOUGH, DOUBT = 2, 4
"""How many times as far as what was found lets expect the index is asked for; and how many times that with each statement more. Events
become fewer with time, as most videos are short, and to fetch a few rows too many takes no longer than to ask again.
"""

_text = bindparam("text", type_=Text)
_PARSED = select(cast(func.websearch_to_tsquery("english", _text), Text), func.querytree(func.websearch_to_tsquery("english", _text)))
"""The query, and what an index can find of it. Empty: there are no words in it. T: whatever lacks some words is asked for as well."""

_asked = (
    func.unnest(bindparam("slices", type_=ARRAY(Integer)), bindparam("queries", type_=ARRAY(Text)))
    .table_valued("slice", "query", name="slices")
    .render_derived()
)
_HAS_WORDS_IN_SLICE = literal_column(WORDS).op("@@", return_type=Boolean)(cast(_asked.c.query, TSQUERY))

_IS_IN_SLICE = literal_column(SLICE, Integer) == _asked.c.slice
"""Two slices may have the same mark."""


def find(connection: Connection, given: Mapping[str, Any], match: Match, sort: Sort) -> list[EventRow]:
    """As many as `given["limit"]` says, as `db.filters.found` has them."""
    query, can_be_found = connection.execute(_PARSED, given).one()
    if can_be_found in {"", "T"}:
        return list(connection.execute(found(frozenset(given), match, sort), given)) if can_be_found else []
    search = _Search(connection, given, match, sort)
    left = search.look_through()
    if left:
        search.look_up(query, left)
    return list(search.rows.values())


class _Left(NamedTuple):
    """What comes after a row; that a page will be full within so many milliseconds of media time is to be expected."""

    after: EventRow
    within_ms: int


@dataclass
class _Search:
    """`rows` are those that were found, by id: what has moved on between two statements is not told twice."""

    connection: Connection
    given: Mapping[str, Any]
    match: Match
    sort: Sort
    rows: dict[UUID, EventRow] = field(default_factory=dict)

    def look_through(self) -> _Left | None:
        """Adds what is among the first ones, and gives what is left; None: there is no more, or no more is wanted."""
        after: dict[str, Any] = {}
        number = LOOKED_THROUGH["owner" if self.given.keys() & {"video_id", "job_id"} else "workspace"]
        while True:
            statement = _first(frozenset(self.given).union(after), self.match, self.sort)
            looked = self.connection.execute(statement, {**self.given, **after, "limit": number}).all()
            with_words = [row for row in looked if row.has_words]
            self._add(with_words)
            if not self._missing or not looked or looked[-1].number < number:
                return None
            first, last, times = looked[0], looked[-1], self._missing / max(len(with_words), 0.5)
            if number * times > PROMISING:
                return _Left(last, int(times * abs(last.start_ms - first.start_ms)))
            number, after = int(1.25 * number * times) + 1, self._place(last)

    def look_up(self, query: str, left: _Left) -> None:
        """Adds what is left, by the index of words."""
        given = {**self.given, **self._place(left.after)}
        statement = _by_words(frozenset(given), self.match, self.sort)
        slices, reach_ms = _slices(given, self.sort, left.after), left.within_ms
        found, times = 0, ENOUGH
        while slices and (missing := self._missing):
            asked = [one for one in slices if one.after_ms <= reach_ms] or slices[:1]
            slices = slices[len(asked) :]
            numbers = [one.number for one in asked]
            queries = [_query(query, given, self.match, number) for number in numbers]
            rows = self.connection.execute(statement, {**given, "slices": numbers, "queries": queries, "limit": missing}).all()
            self._add(rows)
            found += len(rows)
            if slices:
                reach_ms = int(slices[0].after_ms * (1 + times * self._missing / max(found, 0.5)))
                times *= DOUBT

    def _add(self, more: Iterable[EventRow]) -> None:
        for row in more:
            if self._missing:
                self.rows.setdefault(row.id, row)

    @property
    def _missing(self) -> int:
        return int(self.given["limit"]) - len(self.rows)

    def _place(self, row: EventRow) -> dict[str, Any]:
        return place(self.sort, sorted_by(self.sort, row), row.id)


@lru_cache(maxsize=1000)
def _first(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """Those with the words among the first that are wanted otherwise, and the very first and last of these."""
    first = found(given - {"text"}, match, sort, columns=(*EVENT_COLUMNS, HAS_WORDS.label("has_words"))).subquery()
    numbered = select(first, func.row_number().over(order_by=in_order(sort, first.c)).label("number")).subquery()
    is_end = numbered.c.number.in_((1, LIMIT))
    return select(numbered).where(numbered.c.has_words | is_end).order_by(numbered.c.number)


@lru_cache(maxsize=1000)
def _by_words(given: frozenset[str], match: Match, sort: Sort) -> Select[Any]:
    """As `found`, among those alone that have the words in some slices. Left to itself, the planner would choose what it knows more of, or
    join the table with the slices: with the offset it has to look for those of one slice after the other.
    """
    of_slice = select(Event.__table__).where(_HAS_WORDS_IN_SLICE, _IS_IN_SLICE).offset(literal_column("0")).lateral("of_slice")
    those = select(of_slice).join_from(_asked, of_slice, true()).cte("events").prefix_with("MATERIALIZED")
    return those_with(conditions(given, match), given, sort).add_cte(those)


class _Slice(NamedTuple):
    """`after_ms`: how far from where one begins to look."""

    number: int
    after_ms: int


def _slices(given: Mapping[str, Any], sort: Sort, last: EventRow) -> list[_Slice]:
    """Those that what comes after a row may begin in, in order; by confidence all, and none after another."""
    here, start_ms = slice_of(last.start_ms), last.start_ms
    match sort:
        case "start_ms":
            ends = [given[name] for name in ("at_ms", "to_ms") if name in given]
            end = slice_of(min(ends)) if ends else len(SLICES)
            return [_Slice(number, max(0, first_of(number) - start_ms)) for number in range(here, end + 1)]
        case "-start_ms":
            return [_Slice(number, max(0, start_ms - last_of(number))) for number in range(here, -1, -1)]
        case "-confidence":
            return [_Slice(number, 0) for number in range(len(SLICES) + 1)]


def _query(words: str, given: Mapping[str, Any], match: Match, number: int) -> str:
    """What to ask the index for in a slice."""
    return in_slice(" & ".join((f"({words})", *_tags(given, match, number))), given["workspace_id"], number)


def _tags(given: Mapping[str, Any], match: Match, number: int) -> Iterator[str]:
    """What the index knows of what is wanted in a slice, beside words."""
    owner = given.get("job_id") or given.get("video_id")
    if owner:
        yield owner_tag(owner)
    if "types" in given:
        yield type_tags(given["types"])
    going_on = given.get("at_ms", given.get("from_ms") if match == "overlaps" else None)
    last_ms = last_of(number)
    if going_on is not None and last_ms < going_on:
        yield length_tags(going_on + 1 - last_ms)
