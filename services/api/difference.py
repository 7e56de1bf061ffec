"""What became of events between two answers to a question about one video: pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from core.spans import Span, union


class Timed(Protocol):
    """An event by its type and times in milliseconds, each boundary give or take its uncertainty."""

    @property
    def type(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...
    @property
    def start_uncertainty_ms(self) -> int: ...
    @property
    def end_uncertainty_ms(self) -> int: ...


E = TypeVar("E", bound=Timed)


Side = Literal["job", "against"]
Cause = Literal["not_asked", "not_analysed"]


class Answer(NamedTuple, Generic[E]):
    """What a job found, and what of the other job's events it could have found: those of the types that it `asks` for (None: of any)
    outside of its `gaps` (None: it has analysed nothing, or has not ended).
    """

    events: Sequence[E]
    asks: frozenset[str] | None = None
    gaps: Sequence[Span] | None = ()


class Incomparable(NamedTuple, Generic[E]):
    """An event `of` one answer that the other could not have, for this reason."""

    event: E
    of: Side
    reason: Cause


class Difference(NamedTuple, Generic[E]):
    """`moved` are `(now, before)` where a boundary moved by more than the uncertainty of both; `same` the others that are in both.

    What `appeared` and `vanished` the other job could have found and did not; of the `incomparable` nobody can tell.
    """

    appeared: list[E]
    vanished: list[E]
    moved: list[tuple[E, E]]
    same: list[tuple[E, E]]
    incomparable: list[Incomparable[E]]


def difference(now: Answer[E], before: Answer[E]) -> Difference[E]:
    """Events of one type that overlap are the same, one to one, by the most shared time over the time of either first."""
    ones, others = now.events, before.events
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(_meetings(ones, others), key=lambda meeting: (-meeting[0], meeting[1:])):
        if one not in partner and other not in taken:
            partner[one] = other
            taken.add(other)
    pairs = [(event, others[partner[place]]) for place, event in enumerate(ones) if place in partner]
    appeared, only_now = _told_apart([event for place, event in enumerate(ones) if place not in partner], "job", by=before)
    vanished, only_before = _told_apart([event for place, event in enumerate(others) if place not in taken], "against", by=now)
    return Difference(
        appeared=appeared,
        vanished=vanished,
        moved=[pair for pair in pairs if _is_moved(*pair)],
        same=[pair for pair in pairs if not _is_moved(*pair)],
        incomparable=[*only_now, *only_before],
    )


def _told_apart(alone: Iterable[E], of: Side, *, by: Answer[E]) -> tuple[list[E], list[Incomparable[E]]]:
    """Events without a partner: those that the other answer could have, and those that it could not."""
    gaps = None if by.gaps is None else union(by.gaps)
    missed, incomparable = [], []
    for event in alone:
        if by.asks is not None and event.type not in by.asks:
            incomparable.append(Incomparable(event, of, "not_asked"))
        elif gaps is None or _touches(event, gaps):
            incomparable.append(Incomparable(event, of, "not_analysed"))
        else:
            missed.append(event)
    return missed, incomparable


def _touches(event: Timed, gaps: Sequence[Span]) -> bool:
    """Whether it overlaps one of them; they are in order and apart."""
    place = bisect_right(gaps, event.start_ms, key=lambda gap: gap.end_ms)
    return place < len(gaps) and gaps[place].start_ms < event.end_ms


def _meetings(ones: Sequence[E], others: Sequence[E]) -> Iterator[tuple[float, int, int]]:
    """Each pair of one type that overlaps, with its temporal IoU; both sides are gone through once, in order of time."""
    by_type: defaultdict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(others)), key=lambda place: others[place].start_ms):
        by_type[others[place].type].append(place)
    near: defaultdict[str, list[int]] = defaultdict(list)
    reached: defaultdict[str, int] = defaultdict(int)
    for place in sorted(range(len(ones)), key=lambda place: ones[place].start_ms):
        one = ones[place]
        later, at = by_type[one.type], reached[one.type]
        while at < len(later) and others[later[at]].start_ms < one.end_ms:
            near[one.type].append(later[at])
            at += 1
        reached[one.type] = at
        near[one.type] = [other for other in near[one.type] if others[other].end_ms > one.start_ms]
        for other in near[one.type]:
            if (share := _iou(one, others[other])) > 0:
                yield share, place, other


def _iou(one: Timed, other: Timed) -> float:
    both = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    return max(both, 0) / (max(one.end_ms, other.end_ms) - min(one.start_ms, other.start_ms))


def _is_moved(now: Timed, before: Timed) -> bool:
    return (
        abs(now.start_ms - before.start_ms) > now.start_uncertainty_ms + before.start_uncertainty_ms
        or abs(now.end_ms - before.end_ms) > now.end_uncertainty_ms + before.end_uncertainty_ms
    )
