"""Stock times: answers in which many events last equally long, or follow each other in one rhythm, as a model says that does not look.

Now and then the world does so too (slides, traffic lights), so nothing is left out for it; the job says so, and a second look tells. What
repeats itself with the same words is a loop, and no answer at all (`workers.model.loops`).
"""

from collections import Counter, defaultdict
from itertools import pairwise

from workers.events.detection import WindowResult

MANY = 6
"""So many events of one type."""

LONG = 3
"""Times of so many steps between frames; shorter ones are alike on any grid."""


def has_stock_times(window: WindowResult) -> bool:
    """Whether `MANY` events of a type in it have one length, or as many in a row one distance, to the frame."""
    place = {pts_ms: number for number, pts_ms in enumerate(window.frame_pts_ms)}
    stretches: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for each in window.detections:
        if not each.instant and each.first_pts_ms in place and each.last_pts_ms in place:
            stretches[each.type].append((place[each.first_pts_ms], place[each.last_pts_ms]))
    return any(_one_length(found) or _one_stride(sorted(found)) for found in stretches.values())


def _one_length(found: list[tuple[int, int]]) -> bool:
    lengths = Counter(last - first for first, last in found)
    return any(length >= LONG and count >= MANY for length, count in lengths.items())


def _one_stride(found: list[tuple[int, int]]) -> bool:
    strides = [after - before for (before, _), (after, _) in pairwise(found)]
    row = MANY - 1
    return any(strides[at] >= LONG and len(set(strides[at : at + row])) == 1 for at in range(len(strides) - row + 1))
