"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), read from bytes as they come."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Message:
    event: str = "message"
    id: str | None = None
    data: list[str] = field(default_factory=list)


class Messages:
    """`retry_s` is how long the server wants to be left alone after the connection has ended; None: it did not say."""

    def __init__(self) -> None:
        self.retry_s: float | None = None
        self._rest = b""
        self._message = Message()

    def fed(self, piece: bytes) -> Iterator[Message]:
        """The messages that are whole by now. Lines end in LF or CRLF."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.decode(errors="replace").removesuffix("\r").partition(":")
            value = value.removeprefix(" ")
            match name:
                case "" if not value and not line.startswith(b":"):
                    if self._message.data:
                        yield self._message
                    self._message = Message()
                case "event":
                    self._message.event = value
                case "id":
                    self._message.id = value
                case "data":
                    self._message.data.append(value)
                case "retry" if value.isdecimal():
                    self.retry_s = int(value) / 1000
