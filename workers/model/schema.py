"""The form of an answer, in the strict dialect of JSON schema: every member of an object is demanded and no other allowed, so that what may
be missing is null.

The types are those of the question, and each has its own fields: a model that is held to this can name no other, whatever a frame says.
Not every server holds it to this, so `replies` checks all of it once more.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from core.request import EventField
from workers.model.question import Question

NAME = "events"
NUMBER, BOOLEAN, STRING = {"type": "number"}, {"type": "boolean"}, {"type": "string"}


def look_schema() -> dict[str, Any]:
    """The answer to a second look."""
    may_be_none = {"type": ["number", "null"]}
    return _strict({"visible": BOOLEAN, "start_s": may_be_none, "end_s": may_be_none, "reason": STRING})


def schema_of(question: Question) -> dict[str, Any]:
    """One form of event for each set of fields; without event types the model names the type."""
    kinds: defaultdict[tuple[EventField, ...], list[str]] = defaultdict(list)
    for kind in question.event_types:
        kinds[kind.fields].append(kind.id)
    forms = [_event({"type": "string", "enum": ids}, fields) for fields, ids in kinds.items()] or [_event(STRING, ())]
    return _strict({"events": {"type": "array", "items": forms[0] if len(forms) == 1 else {"anyOf": forms}}})


def _event(kind: dict[str, Any], fields: Iterable[EventField]) -> dict[str, Any]:
    attributes = {field.name: _value(field) for field in fields}
    return _strict(
        {
            "type": kind,
            # Before the times, so that the times follow from what was seen.
            "description": STRING,
            **({"attributes": _strict(attributes)} if attributes else {}),
            "start_s": NUMBER,
            "end_s": NUMBER,
            "open_start": BOOLEAN,
            "open_end": BOOLEAN,
            "confidence": NUMBER,
        }
    )


def _value(field: EventField) -> dict[str, Any]:
    if field.type == "enum":
        return {"type": ["string", "null"], "enum": [*field.values, None]}
    return {"type": [field.type, "null"]}


def _strict(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
