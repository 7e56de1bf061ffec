"""Clients that ask as fast as they are answered, with as little work of their own as can be: one process, plain sockets, no parsing."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

HEAD_ENDS = b"\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """Answers a second, and how long one took at 99 of 100, in milliseconds."""

    a_second: float
    p99_ms: float


@dataclass
class _Client:
    socket: socket.socket
    requests: Iterator[bytes]
    asked_at: float = 0.0
    missing: int = -1
    head: bytes = b""

    def ask(self) -> None:
        self.missing, self.head, self.asked_at = -1, b"", time.perf_counter()
        self.socket.sendall(next(self.requests))

    def read(self) -> bool:
        """Whether the answer is there. Raises `RuntimeError` for one that is not 200."""
        piece = self.socket.recv(1 << 20)
        if self.missing < 0:
            self.head += piece
            head, ends, body = self.head.partition(HEAD_ENDS)
            if not ends:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            self.missing = int(length) - len(body)
        else:
            self.missing -= len(piece)
        return not self.missing


def load(url: str, paths: Sequence[str], headers: dict[str, str], *, clients: int, seconds: float) -> Load:
    """So many clients on connections that are kept ask for one path after the other, each for the next once it was answered."""
    host, port = url.removeprefix("http://").split(":")
    lines = [f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    requests = ["\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode() for path in paths]
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        everybody = [_Client(socket.create_connection((host, int(port))), islice(cycle(requests), first, None)) for first in range(clients)]
        for client in everybody:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            for key, _ in selector.select(1.0):
                if key.data.read():
                    took.append(time.perf_counter() - key.data.asked_at)
                    key.data.ask()
        for client in everybody:
            client.socket.close()
    took.sort()
    return Load(len(took) / (now - began), 1000 * took[min(len(took) - 1, len(took) * 99 // 100)])
