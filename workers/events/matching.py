"""Which detections of two windows are one occurrence: the rule, in one place.

Both windows looked at the frames that they share. There, a perfect observer says the same twice; a model does not, quite. So:

1. Only detections of one type whose shown spans meet in the shared stretch can be one occurrence. Where the windows share no frame,
   only those that both windows call open at that edge.
2. One to one, best temporal IoU within the shared stretch first; at the same IoU, the more alike description, then the earlier.
3. Where one window saw a single long occurrence and the other saw several apart from each other, they stay several: the long one
   is continued by the first of them if it began before the shared stretch, and by the last if it goes on after it. Its other
   end is then no longer evidence about the occurrence that it was matched with.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from core.spans import Span
from workers.events.sighting import Sighting

Pair = tuple[Sighting, Sighting]
Meeting = tuple[float, Sighting, Sighting]


def match(earlier: Sequence[Sighting], later: Sequence[Sighting]) -> list[Pair]:
    """The pairs that are one occurrence, of two windows that overlap or touch. Takes back what coarse sightings tell of their ends."""
    if not earlier or not later:
        return []
    shared = Span(later[0].window.frame_pts_ms[0], earlier[0].window.frame_pts_ms[-1] + 1)
    apart = shared.length_ms <= 0
    befores, afters = _by_type(earlier, shared, apart=apart), _by_type(later, shared, apart=apart)
    pairs: list[Pair] = []
    for kind in befores.keys() & afters.keys():
        pairs += _match_type(befores[kind], afters[kind], shared, apart=apart)
    return pairs


def _by_type(sightings: Iterable[Sighting], shared: Span, *, apart: bool) -> dict[tuple[str, bool], list[Sighting]]:
    kinds = defaultdict(list)
    for sighting in sightings:
        if apart or (sighting.first_ms < shared.end_ms and sighting.last_ms >= shared.start_ms):
            kinds[sighting.detection.type, sighting.detection.instant].append(sighting)
    return kinds


def _match_type(befores: list[Sighting], afters: list[Sighting], shared: Span, *, apart: bool) -> list[Pair]:
    meetings = _open_meetings(befores, afters) if apart else _meetings(befores, afters, shared)
    partner: dict[Sighting, Sighting] = {}
    for _, before, after in _best_first(meetings):
        if before not in partner and after not in partner:
            partner[before], partner[after] = after, before
    if not apart and len(meetings) > len(partner) // 2:
        _split(meetings, partner, shared)
    return [(before, partner[before]) for before in befores if before in partner]


def _open_meetings(befores: list[Sighting], afters: list[Sighting]) -> list[Meeting]:
    return [(1.0, before, after) for before in befores if before.detection.open_end for after in afters if after.detection.open_start]


def _meetings(befores: list[Sighting], afters: list[Sighting], shared: Span) -> list[Meeting]:
    """Every pair that meets in the shared stretch, with its temporal IoU there: shared time over the time of either."""
    clipped = [(sighting, span) for sighting in afters if (span := sighting.span.clip(shared))]
    found = []
    for before in befores:
        if (span := before.span.clip(shared)) is None:
            continue
        for after, other in clipped:
            both = min(span.end_ms, other.end_ms) - max(span.start_ms, other.start_ms)
            if both > 0:
                found.append((both / (max(span.end_ms, other.end_ms) - min(span.start_ms, other.start_ms)), before, after))
    return found


def _best_first(meetings: list[Meeting]) -> Iterator[Meeting]:
    """Likeness costs the most, so it is asked for only where the IoU leaves a choice."""
    meetings.sort(key=lambda meeting: (-meeting[0], meeting[1].index, meeting[2].index))
    for _, same in groupby(meetings, key=itemgetter(0)):
        tied = list(same)
        if len(tied) > 1:
            words = {sighting: _words(sighting.detection.description) for sighting in {sighting for _, *pair in tied for sighting in pair}}
            tied.sort(key=lambda meeting: -_likeness(words[meeting[1]], words[meeting[2]]))
        yield from tied


def likeness(description: str, other: str) -> float:
    """Share of the words that two descriptions have in common: tells two cars apart that are there at the same time."""
    return _likeness(_words(description), _words(other))


def _words(description: str) -> set[str]:
    return set(description.lower().split())


def _likeness(words: set[str], others: set[str]) -> float:
    common = len(words & others)
    return common / (len(words) + len(others) - common or 1)


def _split(meetings: list[Meeting], partner: dict[Sighting, Sighting], shared: Span) -> None:
    """Rule 3, for the coarse sightings of either window; moves partners."""
    seen_by: dict[Sighting, list[Sighting]] = defaultdict(list)
    for _, before, after in meetings:
        seen_by[before].append(after)
        seen_by[after].append(before)
    for coarse in sorted(seen_by, key=lambda sighting: (sighting.window_order, sighting.index)):
        if coarse not in partner:
            continue
        pieces = sorted(_pieces(coarse, seen_by[coarse], partner), key=lambda sighting: (sighting.span, sighting.index))
        if len(pieces) == 1:
            continue
        chosen = partner[coarse]
        if coarse.window_order < chosen.window_order and coarse.span.start_ms < shared.start_ms:
            chosen = pieces[0]
        elif coarse.window_order > chosen.window_order and coarse.span.end_ms > shared.end_ms:
            chosen = pieces[-1]
        del partner[partner[coarse]]
        partner[coarse], partner[chosen] = chosen, coarse
        coarse.tells_start &= chosen is pieces[0]
        coarse.tells_end &= chosen is pieces[-1]


def _pieces(coarse: Sighting, met: Iterable[Sighting], partner: dict[Sighting, Sighting]) -> Iterator[Sighting]:
    """The partner, and what met nothing better and lies apart from the partner."""
    chosen = partner[coarse]
    yield chosen
    yield from (other for other in met if other not in partner and not other.span.overlaps(chosen.span))
