"""Reads the answer to a second look: leniently in its form, strictly in its content; and makes one answer of many votes."""

from collections.abc import Mapping, Sequence
from math import inf
from statistics import median_low
from typing import Any, NamedTuple

import json_repair

from core.errors import BadReply
from core.spans import Span
from workers.model import frame_times, parsing, storable
from workers.model.kinds import BadKind
from workers.model.replies import seconds

REASON_MAX_CHARS = 300
WORDS = {"true": True, "false": False, "yes": True, "no": False}


class Glimpse(NamedTuple):
    """What one look saw; see `workers.events.looks.Sight` for the members."""

    visible: bool
    first_pts_ms: int = 0
    last_pts_ms: int = -1
    start_slack_ms: int = 0
    end_slack_ms: int = 0
    reason: str = ""
    share: float = 1.0
    votes: int = 1


def read(text: str, *, finish_reason: str | None, frame_pts_ms: Sequence[int], window: Span) -> Glimpse:
    """Raises BadReply for a text without an answer, and for one whose times are none of the frames'."""
    found = _object(text, finish_reason)
    visible, reason = found.get("visible"), found.get("reason")
    if isinstance(visible, str):
        visible = WORDS.get(visible.strip().casefold())
    if not isinstance(visible, bool):
        raise BadReply("The reply does not say whether the event is visible.", kind=BadKind.WRONG_SHAPE)
    told = storable.line(reason, REASON_MAX_CHARS) if isinstance(reason, str) else ""
    if not visible:
        return Glimpse(visible=False, reason=told)
    first, last = (_shown(found.get(name), frame_pts_ms, window) for name in ("start_s", "end_s"))
    if first.pts_ms > last.pts_ms:
        raise BadReply("The event of the reply ends before it begins.", kind=BadKind.BAD_TIMES)
    return Glimpse(True, first.pts_ms, last.pts_ms, first.slack_ms, last.slack_ms, told)


def elected(glimpses: Sequence[Glimpse]) -> Glimpse:
    """What most of them say (a tie is for visible), at the median of their times; where these differ, that is slack."""
    seen = [glimpse for glimpse in glimpses if glimpse.visible]
    visible = 2 * len(seen) >= len(glimpses)
    chosen = seen if visible else [glimpse for glimpse in glimpses if not glimpse.visible]
    first, last = (median_low(times) for times in zip(*((one.first_pts_ms, one.last_pts_ms) for one in chosen), strict=True))
    return Glimpse(
        visible=visible,
        first_pts_ms=first,
        last_pts_ms=last,
        start_slack_ms=max(max(one.start_slack_ms, abs(one.first_pts_ms - first)) for one in chosen),
        end_slack_ms=max(max(one.end_slack_ms, abs(one.last_pts_ms - last)) for one in chosen),
        reason=chosen[0].reason,
        share=len(chosen) / len(glimpses),
        votes=len(glimpses),
    )


def _object(text: str, finish_reason: str | None) -> Mapping[str, Any]:
    if len(text) > parsing.TEXT_MAX_CHARS:
        raise BadReply("The reply is longer than any that was asked for.", kind=BadKind.TOO_LARGE)
    for candidate in parsing.candidates(text):
        try:
            found = storable.load(candidate)
        except ValueError:
            continue
        if isinstance(found, dict) and "visible" in found:
            return found
    if finish_reason == "length":
        raise BadReply("The reply was cut off at the most tokens allowed.", kind=BadKind.TRUNCATED)
    try:
        found = storable.value(json_repair.loads(text))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "visible" not in found:
        raise BadReply("The reply is not JSON.", kind=BadKind.INVALID_JSON)
    return found


def _shown(told: Any, frame_pts_ms: Sequence[int], window: Span) -> frame_times.Shown:
    """The frame meant: also where the time lies between two stretches, which is slack; not where it lies outside of both."""
    time_s = seconds(told)
    outside_ms = inf if time_s is None else max(-time_s * 1000, time_s * 1000 - window.length_ms)
    if time_s is None or outside_ms > frame_times.sampling_gap_ms(frame_pts_ms, window):
        raise BadReply("The times in the reply are those of no frame that was shown.", kind=BadKind.BAD_TIMES)
    return frame_times.nearest(time_s, frame_pts_ms, window)
