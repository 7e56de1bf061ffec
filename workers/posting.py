"""One message to one receiver: signed, sent, and what came back, whatever that was."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from standardwebhooks import Webhook

from core.errors import PlayheadError
from core.settings import Settings
from db.deliveries import Taken
from workers import exchange, retry_after
from workers.outbound.client import client_of
from workers.outbound.errors import translated

RESPONSE_SHOWN = 1024
"""So many bytes of a receiver's answer are read and kept, for whoever looks for the reason."""

ASIDE = frozenset({429, 503})
"""Statuses whose Retry-After is kept to (RFC 9110, section 10.2.3; RFC 6585, section 4)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None where there was none, `error` where the receiver took the message; it is for people. `retry_after_s`: so much rest
    it asked for.
    """

    duration_ms: int
    status: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after_s: float | None = None


def post(settings: Settings, message: Taken, *, beat: Callable[[], None]) -> Answer:
    """Send it, and call `beat` about each second until there is an answer. What `beat` raises passes through.

    A connection of its own for each message, closed with it: a receiver that drips headers can't keep one for longer than it may take.
    """
    started = time.monotonic()
    body = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":"))
    timeout_s = settings.webhook_timeout.total_seconds()
    try:
        with client_of(settings) as http, translated(message.url):
            reply = exchange.post(
                http,
                message.url,
                headers=_headers(message, body),
                auth=httpx.Auth(),
                body=body.encode(),
                timeout_s=timeout_s,
                beat=beat,
                beat_every_s=1.0,
                cut_at=RESPONSE_SHOWN,
            )
    except PlayheadError as error:
        return Answer(_since(started), error=error.detail)
    except exchange.TooLong:
        return Answer(_since(started), error=f"It took longer than {timeout_s:g} s (PLAYHEAD_WEBHOOK_TIMEOUT).")
    return Answer(
        _since(started),
        status=reply.status,
        error=_refusal(reply.status),
        response=reply.body[:RESPONSE_SHOWN].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}"),
        retry_after_s=retry_after.seconds(reply.headers.get("retry-after")) if reply.status in ASIDE else None,
    )


def _headers(message: Taken, body: str) -> dict[str, str]:
    """Those of Standard Webhooks: a signature for each secret, so that receivers can change theirs when it suits them."""
    message_id = str(message.delivery.id)
    return {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(message.now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, message.now, body) for secret in message.secrets),
    }


def _refusal(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return f"Answered with {status}, which is not followed." if 300 <= status < 400 else f"Answered with {status}."


def _since(started: float) -> int:
    return round(1000 * (time.monotonic() - started))
