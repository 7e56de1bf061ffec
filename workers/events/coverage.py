"""Which stretches of a video were analysed, and why the others were not."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from core.spans import Span, intersect, subtract, subtract_all

NOT_ANALYSED = "not_analysed"
RATIO_STEPS = 10_000


class GapLike(Protocol):
    """A stretch that the decoder could not give, such as `workers.frames.frame.Gap`."""

    @property
    def span(self) -> Span: ...

    @property
    def reason(self) -> str: ...


class CoverageGap(NamedTuple):
    """A stretch that was not analysed; `reason` is a stable code."""

    start_ms: int
    end_ms: int
    reason: str


class Coverage(NamedTuple):
    """`ratio` is rounded down to four digits: 1.0 means everything, exactly. The gaps are in order and do not overlap."""

    ratio: float
    gaps: tuple[CoverageGap, ...]


def coverage(duration_ms: int, *, done: Iterable[Span], gaps: Iterable[GapLike], failed: Iterable[tuple[Span, str]]) -> Coverage:
    """Account for every millisecond of `[0, duration_ms)`.

    Analysed is what windows that are done cover, less what the decoder could not give. A decoder's gap keeps its own reason, also within a
    window that failed; what only failed windows would have covered has theirs; the rest has `not_analysed`. Where two reasons
    claim the same time, the first by name is told.
    """
    whole = Span(0, duration_ms)
    lost = list(gaps)
    missing = subtract(whole, subtract_all(done, (gap.span for gap in lost)))
    ratio = 1.0 if duration_ms <= 0 else (duration_ms - _total_ms(missing)) * RATIO_STEPS // duration_ms / RATIO_STEPS
    told: list[CoverageGap] = []
    for layer in (_by_reason((gap.span, gap.reason) for gap in lost), _by_reason(failed), {NOT_ANALYSED: [whole]}):
        for reason in sorted(layer):
            claimed = intersect(missing, layer[reason])
            missing = subtract_all(missing, claimed)
            told += [CoverageGap(*span, reason) for span in claimed]
    return Coverage(ratio, tuple(_joined(told)))


def _by_reason(claims: Iterable[tuple[Span, str]]) -> dict[str, list[Span]]:
    spans = defaultdict(list)
    for span, reason in claims:
        spans[reason].append(span)
    return spans


def _joined(gaps: Iterable[CoverageGap]) -> list[CoverageGap]:
    """Neighbours with the same reason as one, in order."""
    joined: list[CoverageGap] = []
    for gap in sorted(gaps):
        if joined and joined[-1].end_ms == gap.start_ms and joined[-1].reason == gap.reason:
            joined[-1] = joined[-1]._replace(end_ms=gap.end_ms)
        else:
            joined.append(gap)
    return joined


def _total_ms(spans: Iterable[Span]) -> int:
    return sum(span.length_ms for span in spans)
