"""Where a second look is worth its price: at dense frames around the boundaries that the first one left uncertain.

The first round looks at the stretch in which a boundary lies. For a boundary that is not in it the next rounds are sparser and wider, on
the side on which it must be; the last one is dense again, where one of those found it. Both ends of a short event are one look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
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


ROUNDS = (Round(fps=4, reach_ms=0), Round(fps=2, reach_ms=4_000), Round(fps=1, reach_ms=24_000), Round(fps=4, reach_ms=0))

SHORT_MS = 30_000
"""Both ends of an event that needs no more than this are one look."""

WIDEST_MS = 16_000
"""A boundary that is less certain than this is looked for in so much around the time stated."""

FAR_MS = 2_000
"""A boundary between two frames that lie farther apart is not found yet."""

COARSE_MS = 400
"""A boundary between two frames that lie farther apart is worth a dense look; that takes in as much on either side."""

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
    def end(self) -> End | None:
        """The one end that it is about; None where it is about both."""
        ends = {zone.end for zone in self.zones}
        return ends.pop() if len(ends) == 1 else None

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


class Edge(NamedTuple):
    """Where an event has an end, by all that was looked at: the outermost frame that shows it, by which look, and the frame next to it
    outwards that does not; None where nothing was looked at there.
    """

    inner_ms: int
    outer_ms: int | None
    sight: Sight

    @property
    def span(self) -> Span | None:
        """The stretch in which the boundary lies."""
        return None if self.outer_ms is None else Span(*sorted((self.inner_ms, self.outer_ms)))


class _Frame(NamedTuple):
    """`at`: its time, negative for starts, so that outwards is upwards for either end."""

    at: int
    shows: bool
    sight: Sight


def edge(sights: Sequence[Sight], end: End) -> Edge | None:
    """Outwards from the first frame that shows it, as long as it is shown: what comes after a break is another. None where nothing was
    seen, or nobody looked for this end. `sights` are in order of their rounds.

    Where it was not seen at this end it lies between here and the other, where it was; and also where it goes on there and is not shown
    from the first frame on here: then what is shown here is another.
    """
    sign = 1 if end == End.END else -1
    own, far = _frames(sights, end, sign), _frames(sights, End.START if end == End.END else End.END, sign)
    if not own:
        return None
    run = _run(own)
    if run is None or (run[0] > 0 and far and far[-1].shows and far[-1].at < own[0].at):
        if (run := _run(far)) is None:
            return None
        inner: _Frame = far[run[1]]
        outer: _Frame | None = own[0]
    else:
        inner, outer = own[run[1]], own[run[1] + 1] if run[1] + 1 < len(own) else None
    return Edge(sign * inner.at, None if outer is None else sign * outer.at, inner.sight)


def _run(frames: Sequence[_Frame]) -> tuple[int, int] | None:
    """The positions of the first and the last of the first frames in a row that show it."""
    first = next((place for place, frame in enumerate(frames) if frame.shows), None)
    if first is None:
        return None
    return first, next((place - 1 for place in range(first, len(frames)) if not frames[place].shows), len(frames) - 1)


def _frames(sights: Iterable[Sight], end: End, sign: int) -> list[_Frame]:
    """Those looked at for one end, each by the look that saw it last."""
    answered = (sight for sight in sights if sight.visible is not None)
    latest = {pts_ms: sight for sight in answered for pts_ms in sight.frames_of(end)}
    return sorted((_Frame(sign * pts_ms, sight.shows(pts_ms), sight) for pts_ms, sight in latest.items()), key=attrgetter("at"))


def looks(number: int, events: Iterable[MergedEvent], sights: Iterable[Sight], *, duration_ms: int) -> list[Look]:
    """Those of a round (from 0), in order of time; `sights` are what all rounds before brought, in order of their rounds."""
    seen: dict[str, list[Sight]] = {}
    for sight in sights:
        seen.setdefault(sight.look.key, []).append(sight)
    found: list[Look] = []
    for event in events:
        before = seen.get(event.key, ())
        zones = _next_zones(ROUNDS[number], before, duration_ms) if number else _first_zones(event, duration_ms)
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


def _next_zones(wider: Round, sights: Sequence[Sight], duration_ms: int) -> list[Zone]:
    """Where a boundary was not in what was looked at for it: outwards, where the event goes on beyond; inwards, where it ended before; on
    both sides, where nothing was seen.
    """
    zones = []
    for end in dict.fromkeys(zone.end for sight in sights for zone in sight.look.zones):
        own = [pts_ms for sight in sights if sight.visible is not None for pts_ms in sight.frames_of(end)]
        if own:
            sides = _sides(edge(sights, end), end, min(own), max(own), wider)
            zones += [Zone(end, zone) for side in sides if (zone := side.clip(Span(0, duration_ms)))]
    return [zone for zone in zones if zone.span.length_ms > ROUNDS[0].step_ms]


def _sides(found: Edge | None, end: End, first_ms: int, last_ms: int, wider: Round) -> list[Span]:
    back, ahead = _back(first_ms, wider), _ahead(last_ms, wider)
    if wider.reach_ms == 0:
        coarse = found.span if found else None
        return [_padded(coarse)] if coarse and COARSE_MS < coarse.length_ms <= FAR_MS else []
    if found is None:
        return [back, ahead]
    if found.span is None:
        return [back if end == End.START else ahead]
    if found.span.length_ms <= FAR_MS:
        return []
    inwards = _ahead(found.span.start_ms, wider) if end == End.START else _back(found.span.end_ms, wider)
    return [inwards.clip(Span(found.span.start_ms, found.span.end_ms + 1)) or inwards]


def _padded(span: Span) -> Span:
    return Span(span.start_ms - COARSE_MS, span.end_ms + COARSE_MS + 1)


def _back(pts_ms: int, wider: Round) -> Span:
    return Span(pts_ms - wider.reach_ms, pts_ms + 1)


def _ahead(pts_ms: int, wider: Round) -> Span:
    return Span(pts_ms, pts_ms + wider.reach_ms + wider.step_ms)


def _grouped(event: MergedEvent, zones: Sequence[Zone]) -> list[Look]:
    if not zones:
        return []
    whole = Look(event.key, event.type, tuple(sorted(zones, key=lambda zone: zone.span)))
    if whole.span.length_ms <= SHORT_MS:
        return [whole]
    ends = ([zone for zone in whole.zones if zone.end == end] for end in End)
    return [Look(event.key, event.type, tuple(one)) for one in ends if one]
