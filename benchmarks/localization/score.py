"""How good a list of events is, by the field's own measures: pure functions of what was drawn and what was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import NamedTuple

from playhead.types import Event

THRESHOLDS = (0.5, 0.7, 0.9)


class Drawn(NamedTuple):
    """An event that is in the video; times in seconds."""

    kind: str
    start_s: float
    end_s: float


class Found(NamedTuple):
    """An event that was found. The uncertainties are None where none is stated."""

    kind: str
    start_s: float
    end_s: float
    confidence: float = 0.0
    start_uncertainty_s: float | None = None
    end_uncertainty_s: float | None = None


def as_found(event: Event, *, kind: str) -> Found:
    """What the service says of an event."""
    return Found(
        kind,
        event.start_ms / 1000,
        event.end_ms / 1000,
        event.confidence or 0.0,
        _s(event.start_uncertainty_ms),
        _s(event.end_uncertainty_ms),
    )


def _s(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


@dataclass(frozen=True, slots=True)
class Score:
    """`f1` and `mean_ap` by the tIoU threshold. `error_s`: mean distance of the boundaries of what matches at 0.5. `duplicates`: what was
    found beside another that matches the same event at 0.5. `inside`: share of those boundaries that lie within what was stated.
    """

    found: int
    f1: dict[float, float]
    mean_ap: dict[float, float]
    error_s: float
    duplicates: int
    inside: float | None


def tiou(drawn: Drawn, found: Found) -> float:
    """Shared time over the time of either."""
    both = min(drawn.end_s, found.end_s) - max(drawn.start_s, found.start_s)
    return max(both, 0.0) / (max(drawn.end_s, found.end_s) - min(drawn.start_s, found.start_s))


def score(drawn: Sequence[Drawn], found: Sequence[Found]) -> Score:
    pairs = matches(drawn, found, threshold=0.5)
    ends = [each for one, other in pairs for each in _ends(drawn[one], found[other])]
    stated = [abs(off) <= within for off, within in ends if within is not None]
    taken = {other for _, other in pairs}
    return Score(
        found=len(found),
        f1={threshold: _f1(len(matches(drawn, found, threshold=threshold)), len(drawn), len(found)) for threshold in THRESHOLDS},
        mean_ap={threshold: mean(_average_precisions(drawn, found, threshold)) for threshold in THRESHOLDS},
        error_s=mean(abs(off) for off, _ in ends) if ends else 0.0,
        duplicates=sum(
            other not in taken and any(event.kind == found[other].kind and tiou(event, found[other]) >= 0.5 for event in drawn)
            for other in range(len(found))
        ),
        inside=mean(stated) if stated else None,
    )


def matches(drawn: Sequence[Drawn], found: Sequence[Found], *, threshold: float) -> list[tuple[int, int]]:
    """One to one, within a kind, best tIoU first."""
    close = [
        (overlap, one, other)
        for other, event in enumerate(found)
        for one, truth in enumerate(drawn)
        if truth.kind == event.kind and (overlap := tiou(truth, event)) >= threshold
    ]
    ones: dict[int, int] = {}
    others: set[int] = set()
    for _, one, other in sorted(close, key=lambda each: (-each[0], each[1:])):
        if one not in ones and other not in others:
            ones[one] = other
            others.add(other)
    return sorted(ones.items())


def recall_at_1(drawn: Sequence[Drawn], found: Sequence[Found], *, threshold: float) -> float:
    """The share of kinds whose surest event (the longest of equally sure ones) has at least that tIoU with a true one."""
    kinds = {event.kind for event in drawn}
    surest = {event.kind: event for event in sorted(found, key=lambda one: (one.confidence, one.end_s - one.start_s))}
    hits = {event.kind for event in drawn if event.kind in surest and tiou(event, surest[event.kind]) >= threshold}
    return len(hits) / len(kinds) if kinds else 0.0


def _ends(drawn: Drawn, found: Found) -> tuple[tuple[float, float | None], ...]:
    return (found.start_s - drawn.start_s, found.start_uncertainty_s), (found.end_s - drawn.end_s, found.end_uncertainty_s)


def _f1(matched: int, drawn: int, found: int) -> float:
    return 2 * matched / (drawn + found) if drawn + found else 0.0


def _average_precisions(drawn: Sequence[Drawn], found: Sequence[Found], threshold: float) -> Iterable[float]:
    """Of each kind: the area under precision over recall, by falling confidence; each takes the best event that is left."""
    for kind in sorted({event.kind for event in drawn}):
        truths = [event for event in drawn if event.kind == kind]
        free, precisions, hits = set(range(len(truths))), [], 0
        for rank, event in enumerate(sorted((one for one in found if one.kind == kind), key=lambda one: -one.confidence), start=1):
            best = max(free, key=lambda one: tiou(truths[one], event), default=None)
            if best is not None and tiou(truths[best], event) >= threshold:
                free.remove(best)
                hits += 1
                precisions.append(hits / rank)
        yield sum(max(precisions[place:]) for place in range(len(precisions))) / len(truths)
