"""Detections of many overlapping windows in, one event for each occurrence out.

`matching` says which detections are one occurrence, `boundaries` what is known of a boundary; here they are put together. Everything is
worked out anew from all finished windows, so the order in which they finish does not matter.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

from core.spans import Span
from workers.events.boundaries import Boundary, Look, edge_end, edge_start
from workers.events.detection import Detection, MergedEvent, WindowResult
from workers.events.matching import match
from workers.events.sighting import Sighting, sight
from workers.events.titles import title

Occurrence = list[Sighting]


def merge(windows: Iterable[WindowResult], *, duration_ms: int) -> list[MergedEvent]:
    """One event for each occurrence, by start time. The same windows give the same events in any order, also when some come twice.

    Only windows that overlap or touch are merged: nothing is bridged over a window that is missing. No event reaches beyond the windows
    that saw it, and it depends on no window but those and the ones beside them. Windows without frames looked at nothing and say nothing.
    """
    distinct = {(window.window_id, window.span): window for window in windows if window.frame_pts_ms}
    ordered = sorted(distinct.values(), key=lambda window: (window.span, window.seq, window.window_id.int))
    events = [_event(occurrence, ordered, duration_ms=duration_ms) for occurrence in _occurrences(ordered)]
    return sorted(events, key=lambda event: (event.start_ms, event.end_ms, event.type, event.key))


def _occurrences(ordered: Sequence[WindowResult]) -> list[Occurrence]:
    """Follow each occurrence from window to window; its sightings are in order, at most one a window."""
    occurrences: list[Occurrence] = []
    followed: dict[Sighting, Occurrence] = {}
    near: list[tuple[WindowResult, list[Sighting]]] = []
    for order, window in enumerate(ordered):
        near = [(earlier, sightings) for earlier, sightings in near if earlier.span.end_ms >= window.span.start_ms]
        new = [sight(window, order, index) for index in range(len(window.detections))]
        # The nearest window first: where more than two overlap, the farther ones are asked only for what is left.
        for _, sightings in reversed(near):
            seen = [sighting for sighting in sightings if followed[sighting][-1].window_order != order]
            for before, after in match(seen, [sighting for sighting in new if sighting not in followed]):
                followed[before].append(after)
                followed[after] = followed[before]
        for sighting in new:
            if sighting not in followed:
                followed[sighting] = [sighting]
                occurrences.append(followed[sighting])
        near.append((window, new))
    return occurrences


def _event(occurrence: Occurrence, ordered: Sequence[WindowResult], *, duration_ms: int) -> MergedEvent:
    start, end = _boundaries(occurrence, ordered, duration_ms=duration_ms)
    evidence, evidence_pts_ms = _evidence(occurrence, Span(start.at_ms, end.at_ms))
    best = _longest(occurrence).detection
    confidence, confidence_source = _confidence(occurrence)
    told_by = tuple([sighting.window.window_id for sighting in occurrence])
    return MergedEvent(
        key=f"{occurrence[0].window.window_id}:{occurrence[0].index}",
        type=best.type,
        title=title(best.description, best.type),
        description=best.description,
        start_ms=start.at_ms,
        end_ms=end.at_ms,
        start_uncertainty_ms=start.uncertainty_ms,
        end_uncertainty_ms=end.uncertainty_ms,
        confidence=confidence,
        confidence_source=confidence_source,
        evidence_pts_ms=evidence_pts_ms,
        evidence_window_id=evidence.window.window_id,
        attributes=_attributes(occurrence, best),
        window_ids=told_by,
        told_by=told_by,
    )


def _boundaries(occurrence: Occurrence, ordered: Sequence[WindowResult], *, duration_ms: int) -> tuple[Boundary, Boundary]:
    start = _start(occurrence, ordered)
    if occurrence[0].detection.instant:
        return start, Boundary(start.at_ms + 1, start.earliest_ms + 1, start.latest_ms + 1)
    end = _end(occurrence, ordered, duration_ms=duration_ms)
    if start.at_ms < end.at_ms:
        return start, end
    # More than two windows that disagree can trust a start behind the end that they trust. Then who saw most of it states both.
    span = _longest(occurrence).span
    return start._replace(at_ms=span.start_ms), end._replace(at_ms=span.end_ms)


def _start(occurrence: Occurrence, ordered: Sequence[WindowResult]) -> Boundary:
    """From the window that saw it best: not at its edge, and farthest inside it.

    A window has a say only if it looked at the place where the earliest sighting begins. Those that have one and disagree widen the
    uncertainty; those that agree leave it.
    """
    if len(occurrence) == 1:
        return occurrence[0].start or _start_before(occurrence[0], occurrence[0].last_ms, ordered)
    telling = [sighting for sighting in occurrence if sighting.tells_start] or occurrence
    first = min(telling, key=lambda sighting: sighting.first_ms)
    asked = [sighting for sighting in telling if sighting.window.frame_pts_ms[0] <= first.first_ms]
    seen = [(sighting.edge_distance_ms(start.at_ms), start) for sighting in asked if (start := sighting.start)]
    if not seen:
        return _start_before(first, max(sighting.last_ms for sighting in occurrence), ordered)
    boundary = best = max(seen, key=lambda told: told[0])[1]
    for sighting in asked:
        if (start := sighting.start) is None:
            boundary = boundary.reaching(earliest_ms=min(best.earliest_ms, sighting.first_ms), latest_ms=best.latest_ms)
        elif not start.agrees_with(best):
            boundary = boundary.reaching(earliest_ms=start.earliest_ms, latest_ms=start.latest_ms)
    return boundary


def _end(occurrence: Occurrence, ordered: Sequence[WindowResult], *, duration_ms: int) -> Boundary:
    """The mirror of `_start`."""
    if len(occurrence) == 1:
        return occurrence[0].end or _end_after(occurrence[0], occurrence[0].first_ms, ordered, duration_ms=duration_ms)
    telling = [sighting for sighting in occurrence if sighting.tells_end] or occurrence
    last = max(telling, key=lambda sighting: sighting.last_ms)
    asked = [sighting for sighting in telling if sighting.window.frame_pts_ms[-1] >= last.last_ms]
    seen = [(sighting.edge_distance_ms(end.at_ms), end) for sighting in asked if (end := sighting.end)]
    if not seen:
        return _end_after(last, min(sighting.first_ms for sighting in occurrence), ordered, duration_ms=duration_ms)
    boundary = best = max(seen, key=lambda told: told[0])[1]
    for sighting in asked:
        if (end := sighting.end) is None:
            boundary = boundary.reaching(earliest_ms=best.earliest_ms, latest_ms=max(best.latest_ms, sighting.last_ms))
        elif not end.agrees_with(best):
            boundary = boundary.reaching(earliest_ms=end.earliest_ms, latest_ms=end.latest_ms)
    return boundary


def _start_before(first: Sighting, last_shown_ms: int, ordered: Sequence[WindowResult]) -> Boundary:
    """It was going on already in the first frame of the first window that saw it: what the window before knows of that."""
    window, slack_ms = first.window, first.detection.start_slack_ms
    for earlier in (ordered[order] for order in range(first.window_order - 1, -1, -1)):
        position = bisect_left(earlier.frame_pts_ms, first.first_ms)
        if position > 0:
            before = Look(earlier.frame_pts_ms[position - 1], joined=earlier.span.end_ms >= window.span.start_ms)
            edge = edge_start(window.span, first.first_ms, before=before, slack_ms=slack_ms)
            # Where both looked at the same frames and only one saw it, one of them is wrong, perhaps for as long as that.
            return edge.reaching(earliest_ms=edge.at_ms, latest_ms=min(earlier.frame_pts_ms[-1], last_shown_ms))
    return edge_start(window.span, first.first_ms, before=None, slack_ms=slack_ms)


def _end_after(last: Sighting, first_shown_ms: int, ordered: Sequence[WindowResult], *, duration_ms: int) -> Boundary:
    """The mirror of `_start_before`."""
    window, slack_ms = last.window, last.detection.end_slack_ms
    for later in islice(ordered, last.window_order + 1, None):
        position = bisect_right(later.frame_pts_ms, last.last_ms)
        if position < len(later.frame_pts_ms):
            after = Look(later.frame_pts_ms[position], joined=later.span.start_ms <= window.span.end_ms)
            edge = edge_end(window, last.last_ms, after=after, duration_ms=duration_ms, slack_ms=slack_ms)
            return edge.reaching(earliest_ms=max(later.frame_pts_ms[0], first_shown_ms), latest_ms=edge.at_ms)
    return edge_end(window, last.last_ms, after=None, duration_ms=duration_ms, slack_ms=slack_ms)


def _evidence(occurrence: Occurrence, stated: Span) -> tuple[Sighting, int]:
    """The frame nearest to the middle of those that show it, with a sighting in whose window it lies; an instant's is the one after it."""
    only = occurrence[0]
    if len(occurrence) == 1 or only.detection.instant:
        return only, only.nearest_ms((only.first_ms + only.last_ms) // 2)
    shown = Span(occurrence[0].first_ms, occurrence[-1].last_ms + 1)
    inside = stated.clip(shown) or shown
    middle_ms = (inside.start_ms + inside.end_ms - 1) // 2
    nearest = [(sighting, sighting.nearest_ms(middle_ms)) for sighting in occurrence]
    return min(nearest, key=lambda choice: abs(choice[1] - middle_ms))


def _longest(occurrence: Occurrence) -> Sighting:
    """Who saw the most of it; the earliest of those."""
    return occurrence[0] if len(occurrence) == 1 else max(occurrence, key=attrgetter("shown_ms"))


def _attributes(occurrence: Occurrence, best: Detection) -> dict[str, Any]:
    """What the best says of it, and what only others say."""
    attributes: dict[str, Any] = {}
    for sighting in reversed(occurrence):
        attributes |= sighting.detection.attributes
    return attributes | best.attributes


def _confidence(occurrence: Occurrence) -> tuple[float | None, str | None]:
    """The mean over the windows that state one, by how long each saw it; of one source only, that of the longest.

    Not the maximum: that would let an event grow surer merely by lasting through more windows.
    """
    stating = [sighting for sighting in occurrence if sighting.detection.confidence is not None]
    if not stating:
        return None, None
    longest = _longest(stating).detection
    if len(stating) == 1:
        return longest.confidence, longest.confidence_source
    told = [
        (sighting.detection.confidence or 0.0, sighting.shown_ms + 1)
        for sighting in stating
        if sighting.detection.confidence_source == longest.confidence_source
    ]
    mean = sum(confidence * weight for confidence, weight in told) / sum(weight for _, weight in told)
    return round(mean, 4), longest.confidence_source
