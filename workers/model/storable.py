"""Text from outside, made fit to be stored: Postgres takes neither NUL nor lone surrogates, and JSON has both."""

import json
from typing import Any


def text(value: str) -> str:
    """The same text without what Postgres refuses."""
    return value.encode(errors="replace").decode().replace("\x00", "")


def line(value: str, longest: int) -> str:
    """On one line, without control characters, cut at `longest` characters."""
    joined = " ".join(value.split())
    return text("".join(char for char in joined if char.isprintable()))[:longest].rstrip()


def value(found: Any) -> Any:
    """A JSON value whose every text, keys included, can be stored."""
    if isinstance(found, str):
        return text(found)
    if isinstance(found, list):
        return [value(item) for item in found]
    if isinstance(found, dict):
        return {text(key): value(item) for key, item in found.items()}
    return found


def load(body: bytes | str) -> Any:
    """Parse JSON; NaN and the infinities, which JSON in Postgres has not, become null. Raises ValueError for whatever is not JSON."""
    try:
        return value(json.loads(body, parse_constant=lambda _: None))
    except RecursionError:
        raise ValueError("nested too deeply") from None
