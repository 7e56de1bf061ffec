"""Bytes of a body, in the chunks that they came in."""

from random import Random

import pytest

from services.api.tus.buffer import LEAST_CHUNK_BYTES, Buffer


@pytest.mark.parametrize("seed", range(20))
def test_what_goes_out_is_what_came_in(seed: int) -> None:
    random, buffer = Random(seed), Buffer()
    came, went = b"", b""
    for _ in range(50):
        chunk = random.randbytes(random.choice((1, 2, 100, LEAST_CHUNK_BYTES, 50_000)))
        came += chunk
        buffer.add(chunk)
        size = random.choice((0, 1, 3000, 70_000))
        waiting = came[len(went) :]
        assert buffer.head(size) == waiting[:size]
        taken = b"".join(buffer.take(size))
        assert taken == waiting[:size]
        went += taken
        assert buffer.size == len(came) - len(went)
    assert went + b"".join(buffer.take(buffer.size)) == came


def test_many_small_chunks_are_few_large_ones() -> None:
    buffer = Buffer()
    for _ in range(3 * LEAST_CHUNK_BYTES):
        buffer.add(b"ab")
    assert len(buffer.take(buffer.size)) <= 6
