"""What several ask for at the same time is got once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")


class Shared(Generic[Key, T]):
    """Belongs to one event loop. Nothing is kept: whoever comes after the end has it got anew."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[T]] = {}

    async def get(self, key: Key, getting: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What it gives, or raises, to all who come while it is being got."""
        task = self._running.get(key)
        if task is None:
            self._running[key] = task = asyncio.create_task(getting(), context=Context())  # it is no request's
            task.add_done_callback(lambda task: self._ended(key, task))
        return await asyncio.shield(task)  # whoever asked first may leave first

    def forget(self) -> None:
        """Whoever comes from now on has it got anew; may be called from any thread."""
        self._running = {}

    def _ended(self, key: Key, task: asyncio.Task[T]) -> None:
        running = self._running  # which may be another one a moment later
        if running.get(key) is task:
            del running[key]
        if not task.cancelled():
            task.exception()  # where all who waited for it have left, too
