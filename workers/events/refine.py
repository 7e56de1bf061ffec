"""What second looks tell of events: sharper boundaries, and whether the event is there at all.

| what the looks brought                              | then                                                                              |
|-----------------------------------------------------|-----------------------------------------------------------------------------------|
| a boundary between two frames                       | it lies in the middle of them, uncertain by half their distance                   |
| it is visible, but was from the first frame on      | it starts at that frame or before, uncertain by as much as a look reaches         |
| it is visible, but not around this boundary         | the boundary is between there and where it was visible                            |
| visible in any look                                 | `confirmed`                                                                       |
| not visible in any, and all were answered           | `rejected`: kept as it was                                                        |
| no answer, or boundaries that contradict each other | `unverified`: kept as it was                                                      |

Two events of one type are one where one of them goes on beyond all that was looked at and meets the other, or both do towards each other;
where different windows told of them and they turn out to lie at the same time; and where one window told of both, and neither their
times nor the words for them tell them apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from core.spans import Span
from workers.events.boundaries import Boundary, between
from workers.events.detection import CONFIRMED, REJECTED, UNVERIFIED, MergedEvent, Verification
from workers.events.looks import ROUNDS, End, Sight, edge
from workers.events.matching import likeness

NO_ANSWER = "The second look brought no answer."
CONTRADICTS = "The second look contradicts the first."

VOTES = "votes"
SAME_IOU = 0.5
"""Refined spans of two windows' events that share so much of their time are of one event."""

TWICE_IOU, ALIKE = 0.8, 0.5
"""The same of events that one window told of: only where they share still more, and their descriptions so many of their words."""

REACH_MS = max(one.reach_ms for one in ROUNDS)


class _Found(NamedTuple):
    """A boundary, and whether the event goes on beyond all that was looked at for it."""

    boundary: Boundary
    beyond: bool = False


class _Seen(NamedTuple):
    """An event, and whether it was going on before, and goes on after, all that was looked at."""

    event: MergedEvent
    went_on: bool = False
    goes_on: bool = False


def refined(events: Iterable[MergedEvent], sights: Iterable[Sight], *, duration_ms: int) -> list[MergedEvent]:
    """The events as the looks left them, by start time; an event without looks stays as it is. The order of the sights does not matter."""
    of: dict[str, list[Sight]] = {}
    for sight in sorted(sights, key=lambda sight: (sight.round, sight.look.span, sight.window_id.int)):
        of.setdefault(sight.look.key, []).append(sight)
    seen = [_seen(event, of[event.key], duration_ms) if event.key in of else _Seen(event) for event in events]
    return sorted(_united(seen), key=lambda event: (event.start_ms, event.end_ms, event.type, event.key))


def _seen(event: MergedEvent, sights: Sequence[Sight], duration_ms: int) -> _Seen:
    answered = [sight for sight in sights if sight.visible is not None]
    showing = [sight for sight in answered if sight.visible]
    if not showing:
        rejected = bool(answered) and len(answered) == len(sights)
        reason = answered[-1].reason if rejected else NO_ANSWER
        return _Seen(_voted(replace(event, verification=Verification(REJECTED if rejected else UNVERIFIED, reason)), answered))
    start, end = _start(event, answered), _end(event, answered, duration_ms)
    if start.boundary.at_ms >= end.boundary.at_ms:
        return _Seen(replace(event, verification=Verification(UNVERIFIED, CONTRADICTS)))
    sharpened = replace(
        event,
        start_ms=start.boundary.at_ms,
        end_ms=end.boundary.at_ms,
        start_uncertainty_ms=start.boundary.uncertainty_ms,
        end_uncertainty_ms=end.boundary.uncertainty_ms,
        verification=Verification(CONFIRMED, showing[-1].reason),
        window_ids=tuple(dict.fromkeys([*event.window_ids, *(sight.window_id for sight in showing)])),
    )
    there = [sight for sight in answered if any(sharpened.start_ms <= pts_ms < sharpened.end_ms for pts_ms in sight.frame_pts_ms)]
    return _Seen(_voted(_with_evidence(sharpened, showing), there), start.beyond, end.beyond)


def _start(event: MergedEvent, sights: Sequence[Sight]) -> _Found:
    found = edge(sights, End.START)
    uncertain_ms = event.start_uncertainty_ms
    if found is None:
        return _Found(Boundary(event.start_ms, event.start_ms - uncertain_ms, event.start_ms + uncertain_ms))
    if found.span is not None:
        return _Found(between(*found.span, slack_ms=found.sight.start_slack_ms))
    at_ms = min(event.start_ms, found.inner_ms)
    if event.start_ms == 0:
        return _Found(Boundary(at_ms, at_ms, found.inner_ms))
    return _Found(Boundary(at_ms, min(event.start_ms - uncertain_ms, found.inner_ms - REACH_MS), found.inner_ms), beyond=True)


def _end(event: MergedEvent, sights: Sequence[Sight], duration_ms: int) -> _Found:
    """The mirror of `_start`."""
    found = edge(sights, End.END)
    uncertain_ms = event.end_uncertainty_ms
    if found is None:
        return _Found(Boundary(event.end_ms, event.end_ms - uncertain_ms, event.end_ms + uncertain_ms))
    if found.span is not None:
        return _Found(between(*found.span, slack_ms=found.sight.end_slack_ms))
    at_ms = min(max(event.end_ms, found.inner_ms + 1), duration_ms)
    if event.end_ms >= duration_ms:
        return _Found(Boundary(at_ms, found.inner_ms, at_ms))
    return _Found(Boundary(at_ms, found.inner_ms, max(event.end_ms + uncertain_ms, found.inner_ms + REACH_MS)), beyond=True)


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
    """The share of all votes that saw it, where there was more than one vote to a look. Of an event that was found, only looks at the time
    where it is count: one at another time says nothing of it.
    """
    voted = [sight for sight in answered if sight.votes > 1]
    if not voted:
        return event
    total = sum(sight.votes for sight in voted)
    saw = sum(sight.votes * (sight.share if sight.visible else 1 - sight.share) for sight in voted)
    return replace(event, confidence=round(saw / total, 4), confidence_source=VOTES)


def _united(events: Sequence[_Seen]) -> list[MergedEvent]:
    """By type, in order of time: what is the same as one before is taken into it."""
    kept: list[_Seen] = []
    of_type: dict[str, list[int]] = {}
    for seen in sorted(events, key=lambda seen: (seen.event.start_ms, seen.event.end_ms, seen.event.key)):
        near = [place for place in of_type.get(seen.event.type, ()) if kept[place].event.end_ms + REACH_MS > seen.event.start_ms]
        same = next((place for place in near if _is_same(kept[place], seen)), None)
        if same is None:
            near.append(len(kept))
            kept.append(seen)
        else:
            kept[same] = _joined(kept[same], seen)
        of_type[seen.event.type] = near
    return [seen.event for seen in kept]


def _is_same(before: _Seen, after: _Seen) -> bool:
    one, other = before.event, after.event
    if {one.verification.status, other.verification.status} != {CONFIRMED}:
        return False
    if before.goes_on and after.went_on:
        return True
    both = Span(one.start_ms, one.end_ms).clip(Span(other.start_ms, other.end_ms))
    if both is None:
        return False
    if before.goes_on or after.went_on or (after.goes_on and other.end_ms <= one.end_ms):
        return True
    share = both.length_ms / (max(one.end_ms, other.end_ms) - one.start_ms)
    if set(one.told_by) & set(other.told_by):
        return share >= TWICE_IOU and likeness(one.description, other.description) >= ALIKE
    return share >= SAME_IOU


def _joined(before: _Seen, after: _Seen) -> _Seen:
    """At each end the boundary that is known; where both are, the surer one if they agree, else the outer one."""
    one, other = before.event, after.event
    start_of, end_of = one, _end_of(before, after)
    if before.went_on == after.went_on:
        agree = abs(one.start_ms - other.start_ms) <= one.start_uncertainty_ms + other.start_uncertainty_ms
        start_of = min(one, other, key=lambda event: event.start_uncertainty_ms) if agree else one
    elif before.went_on and other.start_ms <= one.end_ms:
        start_of = other
    event = replace(
        one,
        start_ms=start_of.start_ms,
        start_uncertainty_ms=start_of.start_uncertainty_ms,
        end_ms=max(end_of.end_ms, start_of.start_ms + 1),
        end_uncertainty_ms=end_of.end_uncertainty_ms,
        window_ids=tuple(dict.fromkeys([*one.window_ids, *other.window_ids])),
        told_by=tuple(dict.fromkeys([*one.told_by, *other.told_by])),
    )
    return _Seen(event, before.went_on and after.went_on, before.goes_on and after.goes_on)


def _end_of(before: _Seen, after: _Seen) -> MergedEvent:
    one, other = before.event, after.event
    if before.goes_on != after.goes_on:
        return other if before.goes_on else one
    agree = abs(one.end_ms - other.end_ms) <= one.end_uncertainty_ms + other.end_uncertainty_ms
    return min(one, other, key=lambda event: event.end_uncertainty_ms) if agree else max(one, other, key=lambda event: event.end_ms)
