"""Webhooks, and what they send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Webhook(Record):
    """Where messages go, and which. `failures` are those in a row."""

    id: str
    url: str
    events: tuple[str, ...] = ()
    description: str | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    created_at: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, kw_only=True)
class NewWebhook(Webhook):
    """`secret` is what its messages are signed with."""

    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class WebhookSecret(Record):
    """The secret before signs too, until `old_secret_until`; None: there was none."""

    secret: str = field(repr=False)
    old_secret_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryTry(Record):
    """`status` is None where there was no answer, `error` where the message was taken; `response` is how the answer's body began."""

    at: datetime
    status: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    response: str | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery(Record):
    """A message; its id is the `webhook-id` that the receiver gets. `payload` and `tries` are told of one alone, not in lists."""

    id: str
    webhook_id: str
    type: str
    state: str
    job_id: str | None = None
    event_id: str | None = None
    attempts: int = 0
    created_at: datetime | None = None
    next_try_at: datetime | None = None
    last_try: DeliveryTry | None = None
    payload: Mapping[str, Any] | None = None
    tries: tuple[DeliveryTry, ...] = ()
