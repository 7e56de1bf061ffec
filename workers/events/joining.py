"""Detections of parts of one window as if it had been looked at in one go.

The same rule as between windows says which are one occurrence (see `matching`); parts know nothing of each other but the frames that they
share, and what lies between parts that don't touch was seen by nobody.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from core.spans import Span
from workers.events.detection import Detection, WindowResult
from workers.events.matching import match
from workers.events.sighting import Sighting, sight


def join(parts: Iterable[WindowResult]) -> tuple[Detection, ...]:
    """One list, by start; `parts` are in order, each with frames. An end is open only at the first or the last frame of all."""
    return reduce(_joined, parts).detections


def looked_at(span: Span, frame_pts_ms: tuple[int, ...], lost: Iterable[Span]) -> tuple[Span, tuple[int, ...]]:
    """A window without the stretches that brought no answer: its frames, and its span, shorter where those lie at its ends."""
    stretches = sorted(lost)
    frames = tuple(pts_ms for pts_ms in frame_pts_ms if not any(gap.start_ms <= pts_ms < gap.end_ms for gap in stretches))
    start_ms = max([span.start_ms, *(gap.end_ms for gap in stretches if gap.start_ms <= span.start_ms)])
    end_ms = min([span.end_ms, *(gap.start_ms for gap in stretches if gap.end_ms >= span.end_ms)])
    return Span(start_ms, max(start_ms, end_ms)), frames


def _joined(earlier: WindowResult, later: WindowResult) -> WindowResult:
    befores, afters = ([sight(part, order, index) for index in range(len(part.detections))] for order, part in enumerate((earlier, later)))
    touching = later.span.start_ms <= earlier.span.end_ms
    pairs = match(befores, afters) if touching else []
    frames = (*earlier.frame_pts_ms, *(pts_ms for pts_ms in later.frame_pts_ms if pts_ms > earlier.frame_pts_ms[-1]))
    shared_ms = max(earlier.frame_pts_ms[-1] - later.frame_pts_ms[0], 0)
    paired = {sighting for pair in pairs for sighting in pair}
    found = [
        *(_one(before, after) for before, after in pairs),
        *(_alone(sighting.detection, earlier, at_end=True, shared_ms=shared_ms) for sighting in befores if sighting not in paired),
        *(_alone(sighting.detection, later, at_end=False, shared_ms=shared_ms) for sighting in afters if sighting not in paired),
    ]
    detections = sorted((_opened(each, frames) for each in found), key=lambda each: (each.first_pts_ms, each.last_pts_ms, each.type))
    return replace(earlier, span=Span(earlier.span.start_ms, later.span.end_ms), frame_pts_ms=frames, detections=tuple(detections))


def _one(before: Sighting, after: Sighting) -> Detection:
    """The earlier part saw the start and the later one the end; what else is said of it is said by who saw more of it."""
    first, second = before.detection, after.detection
    best, other = (first, second) if before.shown_ms >= after.shown_ms else (second, first)
    return replace(
        best,
        first_pts_ms=min(first.first_pts_ms, second.first_pts_ms),
        last_pts_ms=max(first.last_pts_ms, second.last_pts_ms),
        start_slack_ms=first.start_slack_ms,
        end_slack_ms=second.end_slack_ms,
        attributes={**other.attributes, **best.attributes},
    )


def _alone(detection: Detection, part: WindowResult, *, at_end: bool, shared_ms: int) -> Detection:
    """One that reaches into the frames that both saw, and that only this part saw there: one of the two is wrong for as long as that."""
    if at_end and detection.last_pts_ms == part.frame_pts_ms[-1]:
        return replace(detection, end_slack_ms=max(detection.end_slack_ms, shared_ms))
    if not at_end and detection.first_pts_ms == part.frame_pts_ms[0]:
        return replace(detection, start_slack_ms=max(detection.start_slack_ms, shared_ms))
    return detection


def _opened(detection: Detection, frames: tuple[int, ...]) -> Detection:
    return replace(detection, open_start=detection.first_pts_ms == frames[0], open_end=detection.last_pts_ms == frames[-1])
