"""Opaque cursors for keyset pages: the sort and the last row's place in it."""

import base64
import binascii
import json
from typing import Any, Generic, TypeVar

from core.errors import Unprocessable

Row = TypeVar("Row")


class Page(Generic[Row]):
    """Some rows, and the cursor of those after them; None on the last page."""

    def __init__(self, rows: list[Row], next_cursor: str | None) -> None:
        self.rows = rows
        self.next_cursor = next_cursor


def encode(sort: str, place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *place], separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str, *, sort: str, places: int) -> list[Any]:
    """The place that a cursor stands for. Raises `Unprocessable` for a cursor that is not ours or of another sort."""
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, UnicodeDecodeError, RecursionError):
        value = None
    if not isinstance(value, list) or len(value) != places + 1 or value[0] != sort:
        raise Unprocessable("This is not a cursor of this list; start again without one.", field="cursor")
    return value[1:]
