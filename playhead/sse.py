"""Server-sent events, read (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    name: str
    data: str
    id: str


@dataclass
class Parser:
    """Bytes in pieces of any size become messages. `last_id` is that of the last one, `retry_s` when the server wants to be asked again."""

    last_id: str | None = None
    retry_s: float | None = None
    _rest: bytes = b""
    _fields: dict[str, list[str]] = field(default_factory=dict)

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Lines end with a line feed here, as Playhead's do."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if message := self._line(line.decode(errors="replace").removesuffix("\r")):
                yield message

    def _line(self, line: str) -> Message | None:
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        said, self._fields = self._fields, {}
        self.last_id = said.get("id", [self.last_id])[-1]
        if (retry := said.get("retry", [""])[-1]).isdecimal():
            self.retry_s = int(retry) / 1000
        return Message(said.get("event", ["message"])[-1], "\n".join(said["data"]), self.last_id or "") if "data" in said else None
