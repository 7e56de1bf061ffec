"""What goes over the pipe from the decoder's process: a head in JSON and some bytes, each with its length before it."""

import json
from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple

LENGTHS = Struct(">II")
MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024**2


class Message(NamedTuple):
    head: dict[str, Any]
    body: bytes = b""


class BadMessage(Exception):
    """The other side does not speak this protocol."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(head, separators=(",", ":")).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


class Unpacker:
    """Feed it whatever comes; it gives the messages that are complete, and holds at most one that is not."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        self._rest += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Message | None:
        if len(self._rest) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self._rest)
        if head > MAX_HEAD or body > MAX_BODY:
            raise BadMessage(f"{head} + {body} bytes announced")
        end = LENGTHS.size + head + body
        if len(self._rest) < end:
            return None
        text, content = bytes(self._rest[LENGTHS.size : LENGTHS.size + head]), bytes(self._rest[end - body : end])
        del self._rest[:end]
        return Message(_parsed(text), content)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except ValueError as error:
        raise BadMessage(str(error)) from error
    if not isinstance(head, dict):
        raise BadMessage("not an object")
    return head
