"""Lists that come in pages, read as one."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from playhead.calls import Ask, Emit, Series
from playhead.types import Page

if TYPE_CHECKING:
    from playhead.drivers import AsyncDriver, Driver

T = TypeVar("T")


@dataclass(frozen=True)
class Listed(Generic[T]):
    """A list on the server: how its first page is asked for. Another one is asked for by its cursor, beside the same parameters."""

    first: Ask[Page[T]]

    def pages(self, cursor: str | None = None) -> Series[Page[T]]:
        while True:
            page = yield from self._page(cursor)
            yield Emit(page)
            cursor = page.next_cursor
            if cursor is None:
                return

    def items(self) -> Series[T]:
        cursor = None
        while True:
            page = yield from self._page(cursor)
            for item in page.data:
                yield Emit(item)
            cursor = page.next_cursor
            if cursor is None:
                return

    def _page(self, cursor: str | None) -> Ask[Page[T]]:
        return self.first if cursor is None else replace(self.first, params={**self.first.params, "cursor": cursor})


class Pages(Generic[T]):
    """Iterate to get the items of all pages, each page asked for when it is needed. Nothing is asked before; every iteration asks anew."""

    def __init__(self, driver: "Driver", listed: Listed[T]) -> None:
        self._driver, self._listed = driver, listed

    def __iter__(self) -> Iterator[T]:
        return self._driver.play(self._listed.items())

    def pages(self, cursor: str | None = None) -> Iterator[Page[T]]:
        """From the cursor on; without one from the beginning."""
        return self._driver.play(self._listed.pages(cursor))


class AsyncPages(Generic[T]):
    """As `Pages`, with `async for`."""

    def __init__(self, driver: "AsyncDriver", listed: Listed[T]) -> None:
        self._driver, self._listed = driver, listed

    def __aiter__(self) -> AsyncIterator[T]:
        return self._driver.play(self._listed.items())

    def pages(self, cursor: str | None = None) -> AsyncIterator[Page[T]]:
        """From the cursor on; without one from the beginning."""
        return self._driver.play(self._listed.pages(cursor))
