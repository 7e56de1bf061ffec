"""What became of events between two answers to a question about one video: pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar


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


class Difference(NamedTuple, Generic[E]):
    """`moved` are `(now, before)` where a boundary moved by more than the uncertainty of both; `same` the others that are in both."""

    appeared: list[E]
    vanished: list[E]
    moved: list[tuple[E, E]]
    same: list[tuple[E, E]]


def difference(now: Iterable[E], before: Iterable[E]) -> Difference[E]:
    """Events of one type that overlap are the same, one to one, by the most shared time over the time of either first."""
    ones, others = list(now), list(before)
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(_meetings(ones, others), key=lambda meeting: (-meeting[0], meeting[1:])):
        if one not in partner and other not in taken:
            partner[one] = other
            taken.add(other)
    pairs = [(event, others[partner[place]]) for place, event in enumerate(ones) if place in partner]
    return Difference(
        appeared=[event for place, event in enumerate(ones) if place not in partner],
        vanished=[event for place, event in enumerate(others) if place not in taken],
        moved=[pair for pair in pairs if _is_moved(*pair)],
        same=[pair for pair in pairs if not _is_moved(*pair)],
    )


def _meetings(ones: list[E], others: list[E]) -> Iterator[tuple[float, int, int]]:
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
