"""Server-sent events, however they are cut into pieces."""

import pytest

from playhead.messages import Message, Messages

STREAM = b": hello\n\nid: 1\nevent: job\ndata: {\ndata:}\n\ndata: \xc3\xbc\r\n\r\nretry: 1500\n\nevent: end\ndata: never whole"


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_messages_are_whole_wherever_their_bytes_are_cut(size: int) -> None:
    messages = Messages()
    found = [message for at in range(0, len(STREAM), size) for message in messages.fed(STREAM[at : at + size])]
    assert found == [Message("job", "1", ["{", "}"]), Message("message", None, ["ü"])]
    assert messages.retry_s == 1.5
