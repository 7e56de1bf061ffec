"""Where a second look is worth its price: at dense frames around the boundaries that the first one left uncertain.

The first round looks at the stretch in which a boundary lies. A boundary that is not in it has a second round, sparser and wider, on the
side on which it must be. Both ends of a short event are one look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from core.spans import Span
from workers.events.detection import MergedEvent


class End(StrEnum):
    START = "start"
    END = "end"


class Round(NamedTuple):
    """`fps`: frames a second. `reach_ms`: how far it looks beyond what is known to be uncertain."""

    fps: float
    reach_ms: int

    @property
    def step_ms(self) -> int:
        return round(1000 / self.fps)


ROUNDS = (Round(fps=4, reach_ms=0), Round(fps=2, reach_ms=4_000))

SHORT_MS = 30_000
"""Both ends of an event that needs no more than this are one look."""

WIDEST_MS = 16_000
"""A boundary that is less certain than this is looked for in so much around the time stated."""

GLANCE_MS = 1_000
"""Of an event that lasts as long as the video, of which no boundary is uncertain: what is looked at to confirm it."""


class Zone(NamedTuple):
    """A stretch that is looked at for one end of an event."""

    end: End
    span: Span


@dataclass(frozen=True, slots=True)
class Look:
    """What one call is about: an event by its `key`, and the stretches to be shown, in order of time."""

    key: str
    type: str
    zones: tuple[Zone, ...]

    def shows(self, pts_ms: int) -> bool:
        """Whether the frame of a time is one to look at."""
        return any(zone.span.start_ms <= pts_ms < zone.span.end_ms for zone in self.zones)

    @property
    def span(self) -> Span:
        return Span(min(zone.span.start_ms for zone in self.zones), max(zone.span.end_ms for zone in self.zones))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look brought. `visible`: None where there was no answer. The frames from `first_pts_ms` to `last_pts_ms` show the event; the
    slacks tell how far the stated times lay from any frame that was shown. `share` of the `votes` said what `visible` says.
    """

    look: Look
    round: int
    window_id: UUID
    frame_pts_ms: tuple[int, ...]
    visible: bool | None
    first_pts_ms: int = 0
    last_pts_ms: int = -1
    start_slack_ms: int = 0
    end_slack_ms: int = 0
    reason: str = ""
    share: float = 1.0
    votes: int = 1

    def shows(self, pts_ms: int) -> bool:
        return bool(self.visible) and self.first_pts_ms <= pts_ms <= self.last_pts_ms

    def frames_of(self, end: End) -> list[int]:
        spans = [zone.span for zone in self.look.zones if zone.end == end]
        return [pts_ms for pts_ms in self.frame_pts_ms if any(span.start_ms <= pts_ms < span.end_ms for span in spans)]


def looks(number: int, events: Iterable[MergedEvent], sights: Iterable[Sight], *, duration_ms: int) -> list[Look]:
    """Those of a round (from 0), in order of time; `sights` are what all rounds before brought."""
    seen: dict[str, list[Sight]] = {}
    for sight in sights:
        seen.setdefault(sight.look.key, []).append(sight)
    found: list[Look] = []
    for event in events:
        before = seen.get(event.key, ())
        zones = _next_zones(number, before, duration_ms) if number else _first_zones(event, duration_ms)
        found += _grouped(event, zones)
    return sorted(found, key=lambda look: (look.span, look.key))


def _first_zones(event: MergedEvent, duration_ms: int) -> list[Zone]:
    """Neither the video's first moment nor its last can be known any better."""
    zones = [
        Zone(end, zone)
        for end, at_ms, uncertainty_ms in (
            (End.START, event.start_ms, event.start_uncertainty_ms),
            (End.END, event.end_ms, event.end_uncertainty_ms),
        )
        if 0 < at_ms < duration_ms and (zone := _around(at_ms, uncertainty_ms).clip(Span(0, duration_ms)))
    ]
    glance = Span(event.start_ms, event.start_ms + GLANCE_MS).clip(Span(event.start_ms, event.end_ms))
    return zones or ([Zone(End.START, glance)] if glance else [])


def _around(at_ms: int, uncertainty_ms: int) -> Span:
    """The stretch in which a boundary lies, with a frame on either side of it."""
    reach = min(uncertainty_ms, WIDEST_MS // 2) + ROUNDS[0].step_ms - 1
    return Span(at_ms - reach, at_ms + reach + 1)


def _next_zones(number: int, sights: Sequence[Sight], duration_ms: int) -> list[Zone]:
    """Where a boundary was not in what was looked at for it: on the side on which it must be, or on both where nothing was seen."""
    reach_ms, step_ms = ROUNDS[number].reach_ms, ROUNDS[number].step_ms
    zones = []
    for sight in sights:
        if sight.visible is None:
            continue
        for end in dict.fromkeys(zone.end for zone in sight.look.zones):
            frames = sight.frames_of(end)
            if not frames:
                continue
            back = Span(frames[0] - reach_ms, frames[0] + 1)
            ahead = Span(frames[-1], frames[-1] + reach_ms + step_ms)
            zones += [Zone(end, zone) for side in _sides(sight, end, frames, back, ahead) if (zone := side.clip(Span(0, duration_ms)))]
    return [zone for zone in zones if zone.span.length_ms > step_ms]


def _sides(sight: Sight, end: End, frames: Sequence[int], back: Span, ahead: Span) -> list[Span]:
    if not sight.visible:
        return [back, ahead]
    if not any(map(sight.shows, frames)):
        return [ahead] if sight.first_pts_ms > frames[-1] else [back]
    if end == End.START:
        return [back] if sight.shows(frames[0]) else []
    return [ahead] if sight.shows(frames[-1]) else []


def _grouped(event: MergedEvent, zones: Sequence[Zone]) -> list[Look]:
    if not zones:
        return []
    whole = Look(event.key, event.type, tuple(sorted(zones, key=lambda zone: zone.span)))
    if whole.span.length_ms <= SHORT_MS:
        return [whole]
    ends = ([zone for zone in whole.zones if zone.end == end] for end in End)
    return [Look(event.key, event.type, tuple(one)) for one in ends if one]
