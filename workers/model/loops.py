"""Tells a model that is stuck from one that reports what it sees.

A stuck model repeats one event with the same words in the same rhythm, mostly to the end of the window and beyond. So may the world, though
not to the frame: hence the counts below, and hence only spans that touch (which as real ones would be one event) are judged early.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

SAME_SPAN = 4
TOUCHING = 4
IN_RHYTHM = 8
# Printed times are rounded to a tenth at the coarsest.
TOLERANCE_S = 0.05


class _Stretch(NamedTuple):
    start_s: float
    end_s: float


def is_loop(items: Sequence[Mapping[str, Any]], *, length_s: float) -> bool:
    """Whether at least half of the items (as `replies.read` gives them) are one event over and over; `length_s` is the window's."""
    groups: defaultdict[Hashable, list[_Stretch]] = defaultdict(list)
    for item in items:
        if item["start_s"] is not None and item["end_s"] is not None:
            groups[item["type"], item["description"].casefold()].append(_Stretch(item["start_s"], item["end_s"]))
    looping = sum(len(group) for group in groups.values() if _loops(group, length_s))
    return looping > 0 and 2 * looping >= len(items)


def _loops(group: Sequence[_Stretch], length_s: float) -> bool:
    if Counter(group).most_common(1)[0][1] >= SAME_SPAN:
        return True
    return len(group) >= TOUCHING and _in_rhythm(group) and (_touches(group) or _runs_out(group, length_s))


def _in_rhythm(group: Sequence[_Stretch]) -> bool:
    """One distance from start to start, and one length."""
    strides = [after.start_s - before.start_s for before, after in pairwise(group)]
    lengths = [each.end_s - each.start_s for each in group]
    return min(strides) > 0 and _constant(strides) and _constant(lengths)


def _touches(group: Sequence[_Stretch]) -> bool:
    return all(after.start_s <= before.end_s + TOLERANCE_S for before, after in pairwise(group))


def _runs_out(group: Sequence[_Stretch], length_s: float) -> bool:
    """Whether a long row goes on until no further one fits into the window."""
    stride_s = group[1].start_s - group[0].start_s
    return len(group) >= IN_RHYTHM and group[-1].end_s + stride_s >= length_s - TOLERANCE_S


def _constant(numbers: Sequence[float]) -> bool:
    return max(numbers) - min(numbers) <= TOLERANCE_S
