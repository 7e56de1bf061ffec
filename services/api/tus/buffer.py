"""What came of a body and is not stored yet."""

from collections import deque
from itertools import chain, islice

LEAST_CHUNK_BYTES = 4096
"""Smaller ones are joined: each takes some memory beside its bytes."""


class Buffer:
    """Bytes in the chunks that they came in: to join and cut millions of them takes longer than to write them."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        if self._chunks and len(self._chunks[-1]) < LEAST_CHUNK_BYTES:
            self._chunks[-1] += chunk
        else:
            self._chunks.append(chunk)
        self.size += len(chunk)

    def head(self, size: int) -> bytes:
        """The first of them, which stay."""
        return bytes(islice(chain.from_iterable(self._chunks), size))

    def take(self, size: int) -> list[bytes]:
        """The first of them, which go; no more than there are."""
        taken: list[bytes] = []
        while size and self._chunks:
            chunk = self._chunks.popleft()
            taken.append(chunk[:size])
            if rest := chunk[size:]:
                self._chunks.appendleft(rest)
            size -= len(taken[-1])
        self.size -= sum(map(len, taken))
        return taken
