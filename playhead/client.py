"""The two clients: what they can do is in `playhead.operations`, how it gets over the network in `playhead.drivers`."""

from collections.abc import AsyncIterator, Iterator
from typing import Self, TypeVar

import httpx

from playhead.calls import Flows, Series
from playhead.drivers import AsyncDriver, Driver
from playhead.operations import Operations
from playhead.pages import AsyncPages, Listed, Pages
from playhead.settings import Settings

T = TypeVar("T")


class Client(Operations):
    """Talks to one Playhead server. Use it as a context manager, or `close()` it; threads may share it.

    The address is `url`, else `PLAYHEAD_URL`, else http://127.0.0.1:8000; the key `api_key`, else `PLAYHEAD_API_KEY`, else, for a server on
    this machine, the file `./var/api-key`. Calls are made up to `tries` times while nobody answers or the server asks to come back
    later (429, 502, 503, 504; a `Retry-After` of up to a minute is kept to), and are done once: whatever makes something carries an
    `Idempotency-Key`. `timeout` is for each silence of the server, in seconds.

    Every method raises ApiError, ConnectionFailed or UnexpectedAnswer, all of them PlayheadErrors.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30,
        tries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = Settings.find(url, api_key)
        self.url = settings.url
        self._driver = Driver(settings, timeout=timeout, tries=tries, transport=transport)

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, flow: Flows[T]) -> T:
        return self._driver.run(flow)

    def _play(self, flow: Series[T]) -> Iterator[T]:
        return self._driver.play(flow)

    def _pages(self, listed: Listed[T]) -> Pages[T]:
        return Pages(self._driver, listed)


class AsyncClient(Operations):
    """As `Client`, with the same methods, for asyncio: `await client.job(...)`, `async for event in client.events(...)`.

    Use it as an asynchronous context manager, or `await client.aclose()`.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30,
        tries: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        settings = Settings.find(url, api_key)
        self.url = settings.url
        self._driver = AsyncDriver(settings, timeout=timeout, tries=tries, transport=transport)

    async def aclose(self) -> None:
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, flow: Flows[T]) -> T:
        return await self._driver.run(flow)

    def _play(self, flow: Series[T]) -> AsyncIterator[T]:
        return self._driver.play(flow)

    def _pages(self, listed: Listed[T]) -> AsyncPages[T]:
        return AsyncPages(self._driver, listed)
