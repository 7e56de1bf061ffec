"""A blob as a file that can be sought in, of which only the parts that are looked at are read."""

import io
from collections.abc import Callable

AHEAD_BYTES = 64 * 1024
"""Read at once at least: who reads a few bytes mostly reads on, and a request takes longer than this does."""


class Seekable(io.RawIOBase):
    """`read_range(start, end)` gives bytes; `tail` is the end of the file, which is there already: archives keep their index there."""

    def __init__(self, read_range: Callable[[int, int], bytes], *, size: int, tail: bytes) -> None:
        self._read_range = read_range
        self._size = size
        self._tail = size - len(tail), tail
        self._ahead = 0, b""
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        begin, end = self._at, self._size if size is None or size < 0 else min(self._at + size, self._size)
        if begin >= end:
            return b""
        self._at = end
        for start, held in (self._tail, self._ahead):
            if start <= begin and end <= start + len(held):
                return held[begin - start : end - start]
        self._ahead = begin, self._read_range(begin, min(max(end, begin + AHEAD_BYTES), self._size))
        return self._ahead[1][: end - begin]
