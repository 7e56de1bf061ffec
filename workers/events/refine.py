"""What second looks tell of events: sharper boundaries, and whether the event is there at all.

| what the looks brought                              | then                                                                              |
|-----------------------------------------------------|-----------------------------------------------------------------------------------|
| a boundary between two frames                       | it lies in the middle of them, uncertain by half their distance                   |
| it is visible, but was from the first frame on      | it starts at that frame or before, uncertain by as much as a look reaches         |
| it is visible, but not around this boundary         | the boundary stays, and is uncertain at least by what was looked at               |
| visible in any look                                 | `confirmed`                                                                       |
| not visible in any, and all were answered           | `rejected`: kept as it was                                                        |
| no answer, or boundaries that contradict each other | `unverified`: kept as it was                                                      |

Two events of one type that different windows told of, and that turn out to lie at the same time, are one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.spans import Span
from workers.events.boundaries import Boundary, between
from workers.events.detection import CONFIRMED, REJECTED, UNVERIFIED, MergedEvent, Verification
from workers.events.looks import ROUNDS, End, Sight

NO_ANSWER = "The second look brought no answer."
CONTRADICTS = "The second look contradicts the first."

VOTES = "votes"
SAME_IOU = 0.5
"""Refined spans of two windows' events that share so much of their time are of one event."""

REACH_MS = ROUNDS[-1].reach_ms


def refined(events: Iterable[MergedEvent], sights: Iterable[Sight], *, duration_ms: int) -> list[MergedEvent]:
    """The events as the looks left them, by start time; an event without looks stays as it is. The order of the sights does not matter."""
    of: dict[str, list[Sight]] = {}
    for sight in sorted(sights, key=lambda sight: (sight.round, sight.look.span, sight.window_id.int)):
        of.setdefault(sight.look.key, []).append(sight)
    seen = [_seen(event, of[event.key], duration_ms) if event.key in of else event for event in events]
    return sorted(_united(seen), key=lambda event: (event.start_ms, event.end_ms, event.type, event.key))


def _seen(event: MergedEvent, sights: Sequence[Sight], duration_ms: int) -> MergedEvent:
    answered = [sight for sight in sights if sight.visible is not None]
    showing = [sight for sight in answered if sight.visible]
    if not showing:
        rejected = bool(answered) and len(answered) == len(sights)
        reason = answered[-1].reason if rejected else NO_ANSWER
        return _voted(replace(event, verification=Verification(REJECTED if rejected else UNVERIFIED, reason)), answered)
    start, end = _start(event, answered), _end(event, answered, duration_ms)
    if start.at_ms >= end.at_ms:
        return replace(event, verification=Verification(UNVERIFIED, CONTRADICTS))
    sharpened = replace(
        event,
        start_ms=start.at_ms,
        end_ms=end.at_ms,
        start_uncertainty_ms=start.uncertainty_ms,
        end_uncertainty_ms=end.uncertainty_ms,
        verification=Verification(CONFIRMED, showing[-1].reason),
        window_ids=tuple(dict.fromkeys([*event.window_ids, *(sight.window_id for sight in showing)])),
    )
    return _voted(_with_evidence(sharpened, showing), answered)


def _frames(sights: Iterable[Sight], end: End) -> list[tuple[int, bool, Sight]]:
    """What was looked at for one end: the time, whether it shows the event, and who says so; where two looks saw it, the later one."""
    seen = {pts_ms: (pts_ms, sight.shows(pts_ms), sight) for sight in sights for pts_ms in sight.frames_of(end)}
    return [seen[pts_ms] for pts_ms in sorted(seen)]


def _start(event: MergedEvent, sights: Sequence[Sight]) -> Boundary:
    first = Boundary(event.start_ms, event.start_ms - event.start_uncertainty_ms, event.start_ms + event.start_uncertainty_ms)
    frames = _frames(sights, End.START)
    place = next((place for place, (_, shows, _) in enumerate(frames) if shows), None)
    if place is None:
        return first.reaching(earliest_ms=frames[0][0], latest_ms=frames[-1][0]) if frames else first
    pts_ms, _, sight = frames[place]
    if place > 0:
        return between(frames[place - 1][0], pts_ms, slack_ms=sight.start_slack_ms)
    at_ms = min(event.start_ms, pts_ms)
    return Boundary(at_ms, at_ms if event.start_ms == 0 else min(first.earliest_ms, pts_ms - REACH_MS), pts_ms)


def _end(event: MergedEvent, sights: Sequence[Sight], duration_ms: int) -> Boundary:
    """The mirror of `_start`."""
    first = Boundary(event.end_ms, event.end_ms - event.end_uncertainty_ms, event.end_ms + event.end_uncertainty_ms)
    frames = _frames(sights, End.END)
    place = next((place for place in range(len(frames) - 1, -1, -1) if frames[place][1]), None)
    if place is None:
        return first.reaching(earliest_ms=frames[0][0], latest_ms=frames[-1][0]) if frames else first
    pts_ms, _, sight = frames[place]
    if place + 1 < len(frames):
        return between(pts_ms, frames[place + 1][0], slack_ms=sight.end_slack_ms)
    at_ms = min(max(event.end_ms, pts_ms + 1), duration_ms)
    return Boundary(at_ms, pts_ms, at_ms if event.end_ms >= duration_ms else max(first.latest_ms, pts_ms + REACH_MS))


def _with_evidence(event: MergedEvent, showing: Sequence[Sight]) -> MergedEvent:
    """The frame that shows it stays, unless it no longer lies in the event: then it is one that a look saw it in."""
    if event.start_ms <= event.evidence_pts_ms < event.end_ms:
        return event
    middle_ms = (event.start_ms + event.end_ms) // 2
    pts_ms, sight = min(
        ((pts_ms, sight) for sight in showing for pts_ms in sight.frame_pts_ms if sight.shows(pts_ms)),
        key=lambda each: (abs(each[0] - middle_ms), each[0]),
    )
    return replace(event, evidence_pts_ms=pts_ms, evidence_window_id=sight.window_id)


def _voted(event: MergedEvent, answered: Sequence[Sight]) -> MergedEvent:
    """The share of all votes that saw it, where there was more than one vote to a look."""
    voted = [sight for sight in answered if sight.votes > 1]
    if not voted:
        return event
    total = sum(sight.votes for sight in voted)
    saw = sum(sight.votes * (sight.share if sight.visible else 1 - sight.share) for sight in voted)
    return replace(event, confidence=round(saw / total, 4), confidence_source=VOTES)


def _united(events: Sequence[MergedEvent]) -> list[MergedEvent]:
    """By type, in order of time: what another window told of at the same time is taken into the one before."""
    kept: list[MergedEvent] = []
    open_: dict[str, list[int]] = {}
    for event in sorted(events, key=lambda event: (event.start_ms, event.end_ms, event.key)):
        near = [place for place in open_.get(event.type, ()) if kept[place].end_ms > event.start_ms]
        same = next((place for place in near if _is_same(kept[place], event)), None)
        if same is None:
            near.append(len(kept))
            kept.append(event)
        else:
            kept[same] = replace(kept[same], window_ids=tuple(dict.fromkeys([*kept[same].window_ids, *event.window_ids])))
        open_[event.type] = near
    return kept


def _is_same(one: MergedEvent, other: MergedEvent) -> bool:
    if CONFIRMED not in (one.verification.status, other.verification.status) or set(one.told_by) & set(other.told_by):
        return False
    spans = Span(one.start_ms, one.end_ms), Span(other.start_ms, other.end_ms)
    both = spans[0].clip(spans[1])
    return both is not None and both.length_ms >= SAME_IOU * (sum(span.length_ms for span in spans) - both.length_ms)
