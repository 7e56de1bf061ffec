"""What can be kept of a reply that breaks off: its whole events, where the rest can be asked for again from a certain frame on."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from json import JSONDecoder
from typing import Any, NamedTuple

from core.errors import BadReply
from core.spans import Span
from workers.events.detection import Detection
from workers.model import storable
from workers.model.parts import Part
from workers.model.question import Question
from workers.model.replies import check, read_items

WORTH = 4
"""A reply that got through less than one frame in so many is not worth a call more than it takes to ask for halves."""


class Salvaged(NamedTuple):
    """`kept` answers for the frames of `part`; `rest`, which begins with the last of them, is to be asked for."""

    part: Part
    kept: tuple[Detection, ...]
    rest: Part


def salvage(text: str, *, part: Part, question: Question, frame_pts_ms: Sequence[int], span: Span) -> Salvaged | None:
    """`span` is the part's. None where it can't be told how far the reply got: only events in order of their starts tell that, and where
    several types were asked for, only if the order is not one type after the other.
    """
    shown = frame_pts_ms[part.first : part.end]
    try:
        found = check(read_items(whole_events(text)), question=question, frame_pts_ms=shown, window=span).detections
    except BadReply:
        return None
    if not found or not _in_order(found) or (len(question.event_types) != 1 and len({each.type for each in found}) == 1):
        return None
    cut_ms = found[-1].first_pts_ms
    cut = part.first + shown.index(cut_ms)
    if (cut - part.first) * WORTH < part.size or cut + 1 >= part.end:
        return None
    kept = (replace(each, last_pts_ms=cut_ms, open_end=True) if each.last_pts_ms >= cut_ms else each for each in found)
    return Salvaged(Part(part.first, cut + 1), tuple(each for each in kept if each.first_pts_ms < cut_ms), Part(cut, part.end))


def whole_events(text: str) -> list[Any]:
    """The members of the list of events that are there in full, of a text that ends too early."""
    at = text.find("[", max(text.find('"events"'), 0)) + 1
    found: list[Any] = []
    while at > 0:
        at = len(text) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            item, at = JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(storable.value(item))
    return found


def _in_order(found: Sequence[Detection]) -> bool:
    return all(before.first_pts_ms <= after.first_pts_ms for before, after in pairwise(found))
