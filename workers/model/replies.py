"""Reads a reply leniently and checks it strictly: what comes out are detections at frames that were shown, of types that were asked for.

`read` makes the best of the form, `check` believes nothing of the content.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import BadReply
from core.spans import Span
from workers.events.detection import Detection
from workers.model import attributes, frame_times, parsing, storable
from workers.model.kinds import BadKind, Drop
from workers.model.loops import is_loop
from workers.model.question import Question

TYPE_MAX_CHARS = 64
TYPE_WORDS = 4
DESCRIPTION_MAX_CHARS = 500
# Nothing that a video can hold; and milliseconds of it stay a small integer.
TIME_MAX_S = 1e7

# `65`, `65.0 s`, `<65.0 seconds>`, `1:05`, `01:05.5`, `0:01:05`.
CLOCK = re.compile(r"<?\s*(-?)(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+(?:[.,][0-9]+)?)\s*(?:s|secs?|seconds?)?\s*>?")

MODEL = "model"


@dataclass(frozen=True, slots=True)
class Checked:
    """`dropped` counts by reason what was left out of a reply that is good otherwise; the reasons are `kinds.Drop`."""

    detections: tuple[Detection, ...]
    dropped: dict[str, int]


class _Dropped(Exception):
    def __init__(self, why: Drop) -> None:
        super().__init__(why)
        self.why = why


def read(text: str, *, finish_reason: str | None) -> list[dict[str, Any]]:
    """The events of a reply, each with all members of the schema: texts cleaned and cut, times in seconds or None where unreadable.

    Raises BadReply with a `kinds.BadKind` where the form is past reading or the reply is not whole.
    """
    return read_items(parsing.items_of(text, finish_reason=finish_reason))


def read_items(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Events as they came, made into what `check` takes."""
    return [_item(item if isinstance(item, dict) else {}) for item in found]


def check(items: Sequence[Mapping[str, Any]], *, question: Question, frame_pts_ms: Sequence[int], window: Span) -> Checked:
    """What `read` gave, held against what was asked and shown. `frame_pts_ms`: in order, not empty.

    Raises BadReply for a loop, and where none of the events has possible times: "no events" would be a lie then.
    """
    if is_loop(items, length_s=window.length_ms / 1000):
        raise BadReply("The model repeats one event over and over.", kind=BadKind.LOOP)
    # An id in another case is forgiven, unless it is another type's.
    ids = [kind.id for kind in question.event_types]
    names = {**{id_.casefold(): id_ for id_ in ids}, **{id_: id_ for id_ in ids}}
    fields = {kind.id: kind.fields for kind in question.event_types}
    detections: list[Detection] = []
    dropped: Counter[str] = Counter()
    for item in items:
        try:
            found = _detection(item, names, frame_pts_ms, window)
            found = replace(found, attributes=attributes.checked(item.get("attributes"), fields.get(found.type, ())))
            if _repeats(found, detections):
                raise _Dropped(Drop.REPEAT)
            detections.append(found)
        except _Dropped as left_out:
            dropped[left_out.why] += 1
    if not detections and any(dropped[why] for why in (Drop.UNREADABLE, Drop.OUTSIDE, Drop.INVERTED)):
        raise BadReply("None of the events in the reply has possible times.", kind=BadKind.BAD_TIMES)
    return Checked(tuple(detections), dict(dropped))


def seconds(found: Any) -> float | None:
    """A time in seconds, from a number or a text (`65.5`, `65.5 s`, `1:05.5`); None for what is no time."""
    if isinstance(found, str):
        match = CLOCK.fullmatch(found.strip())
        found = _clock_s(*match.groups()) if match else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if -TIME_MAX_S < found < TIME_MAX_S else None


def _clock_s(sign: str, hours: str | None, minutes: str | None, rest: str) -> float:
    total_s = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest.replace(",", "."))
    return -total_s if sign else total_s


def _item(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": _line(found.get("type"), TYPE_MAX_CHARS),
        "description": _line(found.get("description"), DESCRIPTION_MAX_CHARS),
        **({"attributes": found["attributes"]} if isinstance(found.get("attributes"), dict) else {}),
        "start_s": seconds(found.get("start_s")),
        "end_s": seconds(found.get("end_s")),
        "open_start": _flag(found.get("open_start")),
        "open_end": _flag(found.get("open_end")),
        "confidence": _confidence(found.get("confidence")),
    }


def _detection(item: Mapping[str, Any], names: Mapping[str, str], frame_pts_ms: Sequence[int], window: Span) -> Detection:
    """Raises _Dropped."""
    if not item["type"] or item["start_s"] is None or item["end_s"] is None:
        raise _Dropped(Drop.UNREADABLE)
    kind = names.get(item["type"], names.get(item["type"].casefold())) if names else _slug(item["type"])
    if kind is None:
        raise _Dropped(Drop.UNKNOWN_TYPE)
    first, last = (_shown(item[end], frame_pts_ms, window) for end in ("start_s", "end_s"))
    if first.pts_ms > last.pts_ms:
        raise _Dropped(Drop.INVERTED)
    return Detection(
        type=kind,
        description=item["description"],
        first_pts_ms=first.pts_ms,
        last_pts_ms=last.pts_ms,
        # Whatever the model's flags say: if the window's first frame shows it, nothing here tells when it began; and if a later frame is
        # the first to show it, it was not going on before. Likewise at the end.
        open_start=first.pts_ms == frame_pts_ms[0],
        open_end=last.pts_ms == frame_pts_ms[-1],
        confidence=item["confidence"],
        confidence_source=None if item["confidence"] is None else MODEL,
        start_slack_ms=first.slack_ms,
        end_slack_ms=last.slack_ms,
    )


def _shown(time_s: float, frame_pts_ms: Sequence[int], window: Span) -> frame_times.Shown:
    """The frame meant. A time just outside the window means its edge (models round); one further away means nothing: raises _Dropped."""
    outside_ms = max(-time_s * 1000, time_s * 1000 - window.length_ms)
    if outside_ms > frame_times.sampling_gap_ms(frame_pts_ms, window):
        raise _Dropped(Drop.OUTSIDE)
    return frame_times.nearest(time_s, frame_pts_ms, window)


def _repeats(found: Detection, known: Sequence[Detection]) -> bool:
    """Whether the same was said before: two alike at one time with different words may be two."""
    return any(
        (found.type, found.first_pts_ms, found.last_pts_ms) == (other.type, other.first_pts_ms, other.last_pts_ms)
        and found.description.casefold() == other.description.casefold()
        for other in known
    )


def _slug(name: str) -> str:
    """A type that the model named, the same way in every window: a name, and no sentence, since second looks repeat it."""
    return "_".join(re.split(r"[\W_]+", name.casefold().strip("_ "))[:TYPE_WORDS]).strip("_") or "event"


def _line(found: Any, longest: int) -> str:
    return storable.line(found, longest) if isinstance(found, str) else ""


def _flag(found: Any) -> bool:
    return found is True or (isinstance(found, str) and found.strip().casefold() == "true")


def _confidence(found: Any) -> float | None:
    """From 0 to 1; None where there is none."""
    if isinstance(found, str):
        try:
            found = float(found)
        except ValueError:
            return None
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:  # noqa: PLR0124 -- that is, NaN
        return None
    return float(min(max(found, 0), 1))
