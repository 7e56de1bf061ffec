"""What several ask for at the same time is got once."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.api.shared import Shared

ASKERS = 5


class Source:
    """Gives the next number once it is told to."""

    def __init__(self) -> None:
        self.got = 0
        self.may = asyncio.Event()

    async def __call__(self) -> int:
        self.got += 1
        number = self.got
        await self.may.wait()
        if number < 0:
            raise LookupError
        return number


async def asked(shared: Shared[str, int], source: Source, times: int = ASKERS) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(shared.get("one", source)) for _ in range(times)]
    await asyncio.sleep(0)
    return tasks


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_all_who_come_meanwhile_get_the_same_and_whoever_comes_later_gets_it_anew() -> None:
    async def test() -> None:
        shared, source = Shared[str, int](), Source()
        first = await asked(shared, source)
        source.may.set()
        assert await asyncio.gather(*first) == [1] * ASKERS
        assert await shared.get("one", source) == 2

    run(test())


def test_whoever_leaves_takes_it_from_nobody() -> None:
    async def test() -> None:
        shared, source = Shared[str, int](), Source()
        leaving, *others = await asked(shared, source)
        leaving.cancel()
        await asyncio.sleep(0)
        source.may.set()
        assert await asyncio.gather(*others) == [1] * (ASKERS - 1)

    run(test())


def test_what_it_raises_is_raised_to_all() -> None:
    async def test() -> None:
        shared, source = Shared[str, int](), Source()
        source.got = -2
        tasks = await asked(shared, source)
        source.may.set()
        for task in tasks:
            with pytest.raises(LookupError):
                await task

    run(test())


class Interrupted(dict[str, "asyncio.Task[int]"]):
    """Another thread forgets between two looks at it."""

    shared: Shared[str, int]

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        self.shared.forget()
        return found


def test_forgotten_it_is_got_anew_also_in_the_moment_in_which_it_ends() -> None:
    async def test() -> None:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
        shared, source = Shared[str, int](), Source()
        [before] = await asked(shared, source, times=1)
        shared.forget()
        [after] = await asked(shared, source, times=1)
        shared._running = interrupted = Interrupted(shared._running)
        interrupted.shared = shared
        source.may.set()
        assert await asyncio.gather(before, after) == [1, 2]
        assert not failures

    run(test())
