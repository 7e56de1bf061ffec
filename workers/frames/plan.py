"""How to reach the wanted frames: a pure function of the packet index, the wanted times and the costs."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from workers.frames.cost import Costs
from workers.frames.index import Index

# OpenCV goes back to a key frame at least 16 frames before the frame number that it is asked for, and then counts what it decodes. Asked
# for a key frame's own time and 18 frames more, the next grab gives the frame 18 or 19 past exactly that key frame, whatever the frame rate
# does (measured); where key frames alone are decoded, the key frame 18 or 19 past it.
ASK_FRAMES = 18
RUN_UP_FRAMES = 20


class Ways(NamedTuple):
    """What may be done with a file beside decoding it from the start, frame by frame, which is always right. `keys_alone`: have the
    decoder pass over all but key frames. `seek`: start in the middle.
    """

    keys_alone: bool = True
    seek: bool = True


ANY = Ways()
SEQUENTIAL = Ways(keys_alone=False, seek=False)


@dataclass(frozen=True, slots=True)
class Run:
    """Decode in one go until the last of the wanted frames, in order of time: all frames, or key frames alone.

    `key_ms`: the key frame that is sought; None: from the start of the file.
    """

    key_ms: int | None
    wanted_ms: tuple[int, ...]
    keys_alone: bool = False


class _Step(NamedTuple):
    """The cheapest way to all wanted frames up to one: what it costs, and whether the last one is reached from the one before
    (`goes_on`) or by a run of its own. `before` is the way to the frame before, of the same kind where it goes on.
    """

    cost: float
    keys_alone: bool
    goes_on: bool
    before: "_Step | None"


def plan(index: Index, wanted_ms: Sequence[int], costs: Costs, ways: Ways = ANY) -> tuple[Run, ...]:
    """The runs, in order of time, that cost least in all."""
    kinds = (False, True) if ways.keys_alone else (False,)
    ends: list[_Step] = []
    for place, time in enumerate(wanted_ms):
        steps = []
        for keys_alone in kinds:
            road = _Road(index, costs, ways, keys_alone=keys_alone)
            cheapest = min(ends, key=lambda step: step.cost, default=None)
            begin = _Step((cheapest.cost if cheapest else 0.0) + road.to(time), keys_alone, goes_on=False, before=cheapest)
            same = next((step for step in ends if step.keys_alone == keys_alone), None)
            steps.append(begin)
            if same is not None:
                goes_on = _Step(same.cost + road.between(wanted_ms[place - 1], time), keys_alone, goes_on=True, before=same)
                steps[-1] = min(goes_on, begin, key=lambda step: step.cost)
        ends = steps
    return _runs(index, wanted_ms, min(ends, key=lambda step: step.cost, default=None), ways)


class _Road:
    """What it costs to get along the timeline in one of two ways."""

    def __init__(self, index: Index, costs: Costs, ways: Ways, *, keys_alone: bool) -> None:
        self._index = index
        self._costs = costs
        self._seeks = ways.seek
        self._keys_alone = keys_alone

    def to(self, time: int) -> float:
        """To a frame by a run of its own; infinite where it is no key frame and key frames alone are decoded."""
        key = seekable_key(self._index, before_ms=time, keys_alone=self._keys_alone) if self._seeks else None
        start = -1 if key is None else key - 1
        return self._costs.open + (0 if key is None else self._costs.seek) + self.between(start, time)

    def between(self, earlier: int, later: int) -> float:
        """On from one frame to another."""
        if self._keys_alone and not self._index.is_key(later):
            return inf
        keys = _count(self._index.key_ms, earlier, later)
        others = max(_count(self._index.pts_ms, earlier, later) - keys, 0)
        return keys * self._costs.key + others * (self._costs.packet if self._keys_alone else self._costs.frame)


def _count(times: Sequence[int], earlier: int, later: int) -> int:
    return bisect_right(times, later) - bisect_right(times, earlier)


def _runs(index: Index, wanted_ms: Sequence[int], step: _Step | None, ways: Ways) -> tuple[Run, ...]:
    runs: list[Run] = []
    wanted: list[int] = []
    for time in reversed(wanted_ms):
        assert step is not None
        wanted.append(time)
        if not step.goes_on:
            key = seekable_key(index, before_ms=time, keys_alone=step.keys_alone) if ways.seek else None
            runs.append(Run(key, tuple(reversed(wanted)), step.keys_alone))
            wanted = []
        step = step.before
    return tuple(reversed(runs))


def seekable_key(index: Index, *, before_ms: int, keys_alone: bool = False) -> int | None:
    """The last key frame with enough frames between it and the time, or enough key frames where these alone are decoded; None where the
    start of the file is as near.
    """
    decoded = index.key_ms if keys_alone else index.pts_ms
    target = bisect_left(decoded, before_ms)
    if target < RUN_UP_FRAMES:
        return None
    place = bisect_left(index.key_ms, decoded[target - RUN_UP_FRAMES] + 1) - 1
    return index.key_ms[place] if place > 0 else None
