"""Answers that are sent piece by piece, in constant memory."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")

PIECE_CHARS = 64 * 1024


def started(pieces: Iterator[T]) -> Iterator[T]:
    """The same, with the first piece made now, so that a part that is away is a 503 and not an answer that breaks off."""
    first = list(islice(pieces, 1))
    return chain(first, pieces)


def joined(texts: Iterable[str]) -> Iterator[str]:
    """The same text in larger pieces: sending one has its price, however short it is."""
    held: list[str] = []
    chars = 0
    for text in texts:
        held.append(text)
        chars += len(text)
        if chars >= PIECE_CHARS:
            yield "".join(held)
            held, chars = [], 0
    yield "".join(held)
