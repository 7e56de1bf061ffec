"""Lists that come in pages, read as one."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from playhead.types import Page

T = TypeVar("T")


class Pages(Generic[T]):
    """Iterate to get the items of all pages, each page asked for when it is needed. Nothing is asked before; every iteration asks anew."""

    def __init__(self, fetch: Callable[[str | None], Page[T]]) -> None:
        self._fetch = fetch

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def pages(self, cursor: str | None = None) -> Iterator[Page[T]]:
        """From the cursor on; without one from the beginning."""
        while True:
            page = self._fetch(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
