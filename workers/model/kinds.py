"""The names of what can be wrong: `BadReply.kind` for a reply as a whole, the keys of `Checked.dropped` for one event of it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from core.gaps import UNANSWERED


def of_the_decoder(gaps: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Of a window's gaps, `[start_ms, end_ms, reason]`, those that whoever looks at its frames again has too."""
    return [gap for gap in gaps if gap[2] not in UNANSWERED]


class BadKind(StrEnum):
    """Why a reply can't be used as a whole."""

    INVALID_JSON = "invalid_json"
    TRUNCATED = "truncated"  # it ends before its JSON does
    WRONG_SHAPE = "wrong_shape"  # JSON, but not the events that were asked for
    TOO_LARGE = "too_large"
    LOOP = "loop"  # one event over and over
    BAD_TIMES = "bad_times"  # there are events, and the times of none are possible


class Drop(StrEnum):
    """Why one event of a usable reply was left out."""

    UNREADABLE = "unreadable"  # no type, or times that are not times
    UNKNOWN_TYPE = "unknown_type"
    OUTSIDE = "outside_window"
    INVERTED = "inverted"
    REPEAT = "repeat"
