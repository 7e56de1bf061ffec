"""Whom the jobs' webhook tells: a server that is not always well, and keeps a book of what came."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from random import Random

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from tests.chaos.evidence import Message
from tests.elsewhere import Answer, Asked, Elsewhere, elsewhere, plain

EVENTS = ("job.succeeded", "job.partial", "job.failed", "job.canceled", "event.created")


def broken_off(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    """It takes the message and goes away without a word."""
    handler.close_connection = True


MOODS: tuple[tuple[float, int | None, Answer], ...] = (
    (0.85, 204, plain(204, b"")),
    (0.05, 500, plain(500, b"no")),
    (0.05, 503, plain(503, b"", retry_after="1")),
    (0.05, None, broken_off),
)
"""How often it answers how."""


@dataclass
class Receiver:
    there: Elsewhere
    secret: str = ""
    messages: list[Message] = field(default_factory=list)

    def ask_for_all(self, url: str, api_key: str) -> None:
        """Have the workspace's jobs told here."""
        made = httpx.post(
            f"{url}/v1/webhooks",
            json={"url": self.there.url("/hook"), "events": EVENTS},
            headers={"Authorization": f"Bearer {api_key}"},
            trust_env=False,
        )
        self.secret = made.raise_for_status().json()["secret"]

    def note(self, asked: Asked, status: int | None) -> None:
        """It is verified as it comes: a signature does not last."""
        try:
            Webhook(self.secret).verify(asked.body, asked.headers)
        except WebhookVerificationError:
            is_signed = False
        else:
            is_signed = True
        told = json.loads(asked.body)
        self.messages.append(Message(asked.headers["webhook-id"], told["type"], told["data"]["id"], status, is_signed=is_signed))


@contextmanager
def receiver(seed: int) -> Iterator[Receiver]:
    random, made = Random(f"receiver {seed}"), None

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        assert made is not None
        _, status, do = random.choices(MOODS, [share for share, _, _ in MOODS])[0]
        made.note(asked, status)
        do(handler, asked)

    with elsewhere(answer) as there:
        made = Receiver(there)
        yield made
