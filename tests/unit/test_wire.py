"""The messages of the decoder's process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.frames.sandbox.wire import MAX_HEAD, BadMessage, Message, Unpacker, pack


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_messages_come_out_whole_however_the_bytes_are_cut(bodies: list[bytes], cut: int) -> None:
    sent = [Message({"number": number}, body) for number, body in enumerate(bodies)]
    data = b"".join(pack(*message) for message in sent)
    unpacker = Unpacker()
    pieces = [data[start : start + cut] for start in range(0, len(data), cut)]
    assert [message for piece in pieces for message in unpacker.feed(piece)] == sent


@pytest.mark.parametrize(
    "data",
    [
        (MAX_HEAD + 1).to_bytes(4, "big") + bytes(4),
        bytes(4) + b"\xff\xff\xff\xff",
        (3).to_bytes(4, "big") + bytes(4) + b"abc",
        (2).to_bytes(4, "big") + bytes(4) + b"[]",
    ],
)
def test_nonsense_is_refused_before_it_is_held(data: bytes) -> None:
    with pytest.raises(BadMessage):
        list(Unpacker().feed(data))
