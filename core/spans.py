"""Half-open stretches of media time, in integer milliseconds from the first presented frame."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """`[start_ms, end_ms)`."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms

    def overlaps(self, other: "Span") -> bool:
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms

    def clip(self, other: "Span") -> "Span | None":
        """The part of this span that lies in the other; None where they share nothing."""
        start, end = max(self.start_ms, other.start_ms), min(self.end_ms, other.end_ms)
        return Span(start, end) if start < end else None


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as few spans, in order; touching spans become one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start_ms <= joined[-1].end_ms:
            joined[-1] = Span(joined[-1].start_ms, max(joined[-1].end_ms, span.end_ms))
        elif span.length_ms > 0:
            joined.append(span)
    return joined


def subtract(whole: Span, spans: Iterable[Span]) -> list[Span]:
    """What of the whole none of the spans covers, in order."""
    rest, cursor = [], whole.start_ms
    for span in union(spans):
        if span.start_ms > cursor:
            rest.append(Span(cursor, min(span.start_ms, whole.end_ms)))
        cursor = max(cursor, span.end_ms)
    if cursor < whole.end_ms:
        rest.append(Span(cursor, whole.end_ms))
    return [span for span in rest if span.length_ms > 0]


def intersect(ones: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The time that both cover, as few spans, in order."""
    left, right = union(ones), union(others)
    shared, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if both := left[i].clip(right[j]):
            shared.append(both)
        if left[i].end_ms < right[j].end_ms:
            i += 1
        else:
            j += 1
    return shared


def subtract_all(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The time that some of the spans cover and none of the taken, as few spans, in order."""
    left = union(spans)
    return intersect(left, subtract(Span(left[0].start_ms, left[-1].end_ms), taken)) if left else []


def divide(whole: Span, parts: int) -> list[Span]:
    """So many parts in order, of the same length but for a millisecond: part `i` begins at `start + i * length // parts`."""
    edges = [whole.start_ms + part * whole.length_ms // parts for part in range(parts + 1)] if parts else []
    return [Span(*pair) for pair in pairwise(edges)]
