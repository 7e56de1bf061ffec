"""Clients of a job's stream, as a user's would be: what they were told, and the last id."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import httpx

HTTP = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=None))
"""To make one takes longer than all that a test asks of it."""


class Message(NamedTuple):
    """`name` is empty for a comment."""

    name: str
    id: str
    data: dict[str, Any]
    retry: str


def read(answer: httpx.Response) -> Iterator[Message]:
    """The messages of a stream as they come, and its signs of life."""
    lines: list[tuple[str, str]] = []
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            lines.append((name, value.removeprefix(" ")))
        elif lines:
            said = dict(lines)
            yield Message(said.get("event", ""), said.get("id", ""), json.loads(said.get("data", "{}")), said.get("retry", ""))
            lines = []


@dataclass
class Follower:
    """Builds the picture that the messages add up to, over as many connections as it takes."""

    job_id: UUID
    headers: dict[str, str]
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    over: str = ""
    last_id: str | None = None

    @contextmanager
    def connected(self, url: str) -> Iterator[Iterator[Message]]:
        """The messages from here on, each taken note of."""
        headers = self.headers | ({} if self.last_id is None else {"Last-Event-ID": self.last_id})
        with HTTP.stream("GET", f"{url}/v1/jobs/{self.job_id}/stream", headers=headers) as answer:
            if answer.status_code == 204:
                yield iter(())
                return
            answer.read() if answer.is_error else None
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            yield (self._noted(message) for message in read(answer))

    def follow(self, url: str) -> None:
        """Until there is nothing more to be told."""
        with self.connected(url) as messages:
            for _ in messages:
                pass

    def see(self, url: str, count: int) -> None:
        """So many messages, or fewer where no more come for a while; then the connection breaks."""
        with self.connected(url) as messages:
            for message in messages:
                count -= bool(message.name)
                if count <= 0 or not message.name:
                    return

    def _noted(self, message: Message) -> Message:
        self.last_id = message.id or self.last_id
        self.messages += [message] if message.name else []
        match message.name:
            case "event":
                self.events[message.data["id"]] = message.data
            case "withdrawn":
                self.events.pop(message.data["id"], None)
            case "job":
                self.job = message.data
            case "end":
                self.job, self.over = message.data, "end"
                for event in self.events.values():
                    event["provisional"] = False
            case "deleted":
                self.over = "deleted"
        return message
