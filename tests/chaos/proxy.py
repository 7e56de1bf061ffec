"""A TCP proxy for each link between two processes, so that a link can be slow, silent, cut or refused while both ends are well."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

PIECE_BYTES = 64 * 1024


class Link:
    """One listening port and what is behind it. Changed by the proxies' own thread alone."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.delay_s = 0.0
        self.refuses = False
        self.flows = asyncio.Event()
        self.flows.set()
        self.streams: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until either end closes it."""
        if self.refuses:
            reset(writer)
            return
        try:
            onward = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            reset(writer)
            return
        both = {writer, onward[1]}
        self.streams |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pump(reader, onward[1]))
                group.create_task(self.pump(onward[0], writer))
        except* OSError:
            pass
        finally:
            self.streams -= both
            for stream in both:
                stream.transport.abort() if stream.transport.is_closing() else stream.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way of a connection."""
        while data := await reader.read(PIECE_BYTES):
            await self.flows.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def cut(self) -> None:
        """End every connection at once, in the middle of whatever it carries."""
        for stream in self.streams:
            reset(stream)


def reset(stream: asyncio.StreamWriter) -> None:
    """Close it so that the other side gets a reset, not an end."""
    with suppress(OSError):  # it is closed already
        stream.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.transport.abort()


class Proxies:
    """All links, by name, in a thread of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._links: dict[str, Link] = {}
        self._listening: list[asyncio.Server] = []

    def open(self, name: str, to: int | Link) -> int:
        """A port of this machine that leads to the port, or over the link."""
        return int(self._run(self._open(name, Link(to) if isinstance(to, int) else to)))

    def named(self, prefix: str) -> list[str]:
        return [name for name in self._links if name.startswith(prefix)]

    def delay(self, name: str, seconds: float) -> None:
        """Each piece that passes takes so much longer."""
        self._loop.call_soon_threadsafe(setattr, self._links[name], "delay_s", seconds)

    def stall(self, name: str) -> None:
        """Nothing passes, and nobody is told."""
        self._loop.call_soon_threadsafe(self._links[name].flows.clear)

    def refuse(self, name: str) -> None:
        """Whatever is connected is cut, and no new connection lasts."""
        self._loop.call_soon_threadsafe(setattr, self._links[name], "refuses", True)
        self.cut(name)

    def cut(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self._links[name].cut)

    def heal(self, name: str) -> None:
        link = self._links[name]
        self.delay(name, 0.0)
        self._loop.call_soon_threadsafe(setattr, link, "refuses", False)
        self._loop.call_soon_threadsafe(link.flows.set)

    def close(self) -> None:
        self._run(self._close())

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(10)

    async def _open(self, name: str, link: Link) -> int:
        self._links[name] = link
        server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
        self._listening.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        for server in self._listening:
            server.close()
        for link in self._links.values():
            link.flows.set()
            link.cut()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


@contextmanager
def proxies() -> Iterator[Proxies]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
    thread.start()
    made = Proxies(loop)
    try:
        yield made
    finally:
        made.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
