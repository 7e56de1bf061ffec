"""Hear of the end in time. A server tells its app to shut down once every answer is sent, and a stream is an answer without an end."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in the running event loop as soon as a signal asks this process to end; the server's own handler is called as well.

    Only the main thread hears signals; nothing happens in any other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {number: known for number in (signal.SIGTERM, signal.SIGINT) if callable(known := signal.getsignal(number))}

    def tell(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, known in handlers.items():
            signal.signal(number, known)
