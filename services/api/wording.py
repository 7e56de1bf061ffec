"""What is wrong with a member of a request, said to people: pydantic's errors as sentences."""

import re
from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "Nothing of this name is known here.",
    **dict.fromkeys(("model_attributes_type", "model_type", "dict_type"), "Must be an object."),
}
_SUBJECT = re.compile(r"^(Input|String|Value|List|Tuple|Dictionary|Data|URL|UUID) should ")
NO_NUL = r"^[^\x00]*$"


def field_of(error: Mapping[str, Any]) -> str:
    """The member's dotted name: `sampling.fps`. For what is wrong with the whole: where it lies (`body`, `query`)."""
    place, *names = error["loc"]
    if error["type"] == "json_invalid":  # what follows is a position in the text
        names = []
    if place == "query":  # a parameter that may be repeated has one name
        names = names[:1]
    return ".".join(str(part) for part in names or (place,))


def sentence(error: Mapping[str, Any]) -> str:
    kind, message = error["type"], str(error["msg"])
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind == "json_invalid":
        return f"This is not JSON: {error.get('ctx', {}).get('error', 'it breaks off')}."
    if kind == "string_pattern_mismatch" and NO_NUL in message:
        return "Must hold no NUL character."
    message = _SUBJECT.sub("must ", message.removeprefix("Value error, ").removeprefix("Assertion failed, "))
    first = message.partition(" ")[0]
    return (message if "_" in first else message[:1].upper() + message[1:]).rstrip(".") + "."
