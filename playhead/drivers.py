"""Who carries out the steps of calls (`playhead.calls`): one for threads, one for event loops. Only here does anything go over the network,
and only here httpx's errors become ours.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, aclosing, closing, contextmanager
from typing import Any, TypeVar

import anyio
import httpx

from playhead.answers import no_answer
from playhead.calls import Ask, Content, Course, Emit, Flows, Pause, Piece, Send, Series, Step, once, patient
from playhead.settings import Settings
from playhead.version import __version__

R = TypeVar("R")
T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0


class Driver:
    """`tries` is how often a call that may be repeated is made in all."""

    def __init__(self, settings: Settings, *, timeout: float, tries: int, transport: httpx.BaseTransport | None) -> None:
        self._tries = tries
        self._http = httpx.Client(transport=transport, **_options(settings, timeout))

    def close(self) -> None:
        self._http.close()

    def run(self, flow: Flows[R]) -> R:
        [result] = self.play(once(flow))
        return result

    def play(self, flow: Series[T]) -> Iterator[T]:
        with ExitStack() as opened:
            yield from self._play(flow, opened)

    def _play(self, flow: Series[Any], opened: ExitStack) -> Iterator[Any]:
        with closing(flow):
            course = Course(flow)
            while step := course.step():
                if isinstance(step, Emit):
                    yield step.item
                    course.went()
                    continue
                try:
                    course.went(self._do(step, opened))
                except Exception as error:  # noqa: BLE001 (what to make of it is the flow's to say)
                    course.failed(error)

    def _do(self, step: Step, opened: ExitStack) -> Any:
        match step:
            case Ask():
                [result] = self._play(once(patient(step, self._tries)), opened)
                return result
            case Send(ask):
                with _translated():
                    return self._send(ask, opened)
            case Piece(answer):
                with _translated():
                    return next(answer.extensions["pieces"], b"")
            case Pause(seconds):
                return time.sleep(seconds)

    def _send(self, ask: Ask[Any], opened: ExitStack) -> httpx.Response:
        content = None if ask.content is None else _pieces(ask.content())
        answer = self._http.send(self._http.build_request(content=content, **_request(ask)), stream=ask.stream)
        if ask.stream:
            opened.callback(answer.close)
            if not answer.is_success:
                answer.read()
            answer.extensions["pieces"] = answer.iter_bytes()
        return answer


class AsyncDriver:
    """As `Driver`, on an event loop."""

    def __init__(self, settings: Settings, *, timeout: float, tries: int, transport: httpx.AsyncBaseTransport | None) -> None:
        self._tries = tries
        self._http = httpx.AsyncClient(transport=transport, **_options(settings, timeout))

    async def close(self) -> None:
        await self._http.aclose()

    async def run(self, flow: Flows[R]) -> R:
        [result] = [item async for item in self.play(once(flow))]
        return result

    async def play(self, flow: Series[T]) -> AsyncIterator[T]:
        async with AsyncExitStack() as opened, aclosing(self._play(flow, opened)) as items:
            async for item in items:
                yield item

    async def _play(self, flow: Series[Any], opened: AsyncExitStack) -> AsyncGenerator[Any]:
        with closing(flow):
            course = Course(flow)
            while step := course.step():
                if isinstance(step, Emit):
                    yield step.item
                    course.went()
                    continue
                try:
                    course.went(await self._do(step, opened))
                except Exception as error:  # noqa: BLE001 (what to make of it is the flow's to say)
                    course.failed(error)

    async def _do(self, step: Step, opened: AsyncExitStack) -> Any:
        match step:
            case Ask():
                [result] = [item async for item in self._play(once(patient(step, self._tries)), opened)]
                return result
            case Send(ask):
                with _translated():
                    return await self._send(ask, opened)
            case Piece(answer):
                with _translated():
                    return await anext(answer.extensions["pieces"], b"")
            case Pause(seconds):
                return await anyio.sleep(seconds)

    async def _send(self, ask: Ask[Any], opened: AsyncExitStack) -> httpx.Response:
        content = None if ask.content is None else _async_pieces(ask.content())
        answer = await self._http.send(self._http.build_request(content=content, **_request(ask)), stream=ask.stream)
        if ask.stream:
            opened.push_async_callback(answer.aclose)
            if not answer.is_success:
                await answer.aread()
            answer.extensions["pieces"] = answer.aiter_bytes()
        return answer


def _pieces(content: Content) -> Iterator[bytes]:
    while piece := content.read():
        yield piece
        content.sent(len(piece))


async def _async_pieces(content: Content) -> AsyncIterator[bytes]:
    """Read in a thread, since files and pipes may take their time."""
    while piece := await anyio.to_thread.run_sync(content.read):
        yield piece
        content.sent(len(piece))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.RequestError as error:
        raise no_answer(error) from error


def _options(settings: Settings, timeout: float) -> dict[str, Any]:
    headers = {"User-Agent": f"playhead/{__version__}"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    return {
        "base_url": settings.url,
        "headers": headers,
        "timeout": _timeout(timeout),
        "trust_env": not settings.local,  # a proxy from the environment has no business between this machine and itself
    }


def _request(ask: Ask[Any]) -> dict[str, Any]:
    timeout = {} if ask.timeout is None else {"timeout": _timeout(ask.timeout)}
    return {"method": ask.method, "url": ask.path, "params": ask.params, "headers": ask.headers, "json": ask.json, **timeout}


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT_S))
