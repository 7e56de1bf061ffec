"""The typed details of an event, checked: what comes out was asked for, is of its type, and is no longer than it may be."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from core.request import EventField
from workers.model import storable

TEXT_MAX_CHARS = 200
NUMBER_MAX = 1e15

Value = str | float | bool


def checked(found: Any, fields: Sequence[EventField]) -> dict[str, Value]:
    """By name; whatever is null, missing, of another type or not among an enum's values is left out, as not told."""
    given = found if isinstance(found, Mapping) else {}
    values = ((field.name, _value(given.get(field.name), field)) for field in fields)
    return {name: value for name, value in values if value is not None}


def _value(found: Any, field: EventField) -> Value | None:
    match field.type:
        case "string":
            return (storable.line(found, TEXT_MAX_CHARS) or None) if isinstance(found, str) else None
        case "number":
            return _number(found)
        case "boolean":
            return _boolean(found)
        case "enum":
            said = found.strip().casefold() if isinstance(found, str) else None
            return next((value for value in field.values if value.casefold() == said), None)


def _number(found: Any) -> float | None:
    if isinstance(found, str):
        try:
            found = float(found)
        except ValueError:
            return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        return None
    return found if abs(found) <= NUMBER_MAX else None


def _boolean(found: Any) -> bool | None:
    if isinstance(found, str):
        return {"true": True, "false": False}.get(found.strip().casefold())
    return found if isinstance(found, bool) else None
