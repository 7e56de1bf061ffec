"""Finds the events in the text of a reply: JSON as it should be, in fences, in prose, or damaged in ways that lose nothing."""

import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any

import json_repair

from core.errors import BadReply
from workers.model import storable
from workers.model.kinds import BadKind

# `max_tokens` keeps replies far below. Repair is slow on hostile text: the worst that was tried took a second for this much.
TEXT_MAX_CHARS = 64_000

FENCE = re.compile(r"```[a-zA-Z]*\s*(.*?)```", re.DOTALL)
OBJECT, BRACKET = re.compile(r'\{\s*"events"'), re.compile(r"[{\[]")
# Repair would read `01:05` without quotes as the number 1.
BARE_CLOCK = re.compile(r'("(?:start|end)_s"\s*:\s*)([0-9]+(?::[0-9]+)+(?:\.[0-9]+)?)')


def items_of(text: str, *, finish_reason: str | None) -> list[Any]:
    """The members of `events`, as they came. Raises BadReply for a text that holds no such list, or not the whole of it.

    A reply that ends too early is not salvaged: what is missing would count as "no events".
    """
    if len(text) > TEXT_MAX_CHARS:
        raise BadReply("The reply is longer than any that was asked for.", kind=BadKind.TOO_LARGE)
    for candidate in candidates(text):
        try:
            return _events_in(storable.load(candidate))
        except ValueError:
            continue
    if finish_reason == "length":
        raise BadReply("The reply was cut off at the most tokens allowed.", kind=BadKind.TRUNCATED)
    return _repaired(text)


def candidates(text: str) -> Iterator[str]:
    """The text itself, what is in its fences, and the JSON in its prose; none where there is more than one such, lest the other be lost."""
    yield text
    fenced = FENCE.findall(text)
    if len(fenced) == 1:
        yield fenced[0]
    begins = OBJECT.search(text) or BRACKET.search(text)
    if begins:
        try:
            _, end = JSONDecoder().raw_decode(text, begins.start())
        except (ValueError, RecursionError):
            return
        if not BRACKET.search(text, end):
            yield text[begins.start() : end]


def _events_in(found: Any) -> list[Any]:
    """Raises BadReply for JSON of another shape."""
    if isinstance(found, dict):
        found = [found] if "start_s" in found and "events" not in found else found.get("events")
    if not isinstance(found, list):
        raise BadReply("The reply is JSON, but holds no list of events.", kind=BadKind.WRONG_SHAPE)
    return found


def _repaired(text: str) -> list[Any]:
    """The events of damaged JSON, where it can be told that none is missing."""
    if _breaks_off(text):
        raise BadReply("The reply ends in the middle of an event.", kind=BadKind.TRUNCATED)
    try:
        found = storable.value(json_repair.loads(BARE_CLOCK.sub(r'\1"\2"', text)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict | list):
        raise BadReply("The reply is not JSON.", kind=BadKind.INVALID_JSON)
    items = _events_in(found)
    # Repair makes an empty list of much that was none, a list of words of any text in brackets, and the last alone of values in a row.
    if not items or not all(isinstance(item, dict) for item in items) or text.count("start_s") != len(items):
        raise BadReply("The reply is not JSON.", kind=BadKind.INVALID_JSON)
    return items


def _breaks_off(text: str) -> bool:
    """Whether an event was begun, or promised by a comma, after the last one that ends; brackets left out at the end lose nothing."""
    end = text.rfind("}")
    return end < text.rfind("{") or text[end + 1 :].lstrip().startswith(",")
