"""An `AsyncClient` to be used like a `Client`, so that one test tries both."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from playhead import AsyncClient, AsyncPages

_END = object()


class Blocking:
    """Each call runs on an event loop in another thread, while the caller waits."""

    def __init__(self, portal: BlockingPortal, client: AsyncClient) -> None:
        self._portal, self._client = portal, client
        self.url = client.url

    def __getattr__(self, name: str) -> Callable[..., Any]:
        described = getattr(self._client, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            made = described(*args, **kwargs)
            if inspect.iscoroutine(made):
                return self._portal.call(lambda: made)
            return _BlockingPages(self, made) if isinstance(made, AsyncPages) else self.iterate(made)

        return method

    def iterate(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(items, _END)

        while (item := self._portal.call(step)) is not _END:
            yield item


class _BlockingPages:
    def __init__(self, blocking: Blocking, pages: AsyncPages[Any]) -> None:
        self._blocking, self._pages = blocking, pages

    def __iter__(self) -> Iterator[Any]:
        return self._blocking.iterate(aiter(self._pages))

    def pages(self, cursor: str | None = None) -> Iterator[Any]:
        return self._blocking.iterate(self._pages.pages(cursor))


@contextmanager
def blocking(make: Callable[[], AsyncClient]) -> Iterator[Blocking]:
    with start_blocking_portal() as portal:

        async def made() -> AsyncClient:
            return make()

        client = portal.call(made)
        try:
            yield Blocking(portal, client)
        finally:
            portal.call(client.aclose)
