"""Webhooks: who is told of what, and how that went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Webhook(Record):
    """Where messages go, and which. `disabled_reason` says why the server disabled it, `failures` how many tries in a row failed."""

    id: str
    url: str
    description: str | None = None
    events: tuple[str, ...] = ()
    enabled: bool = True
    disabled_reason: str | None = None
    created_at: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, kw_only=True)
class NewWebhook(Webhook):
    """`secret` is what its messages are signed with (Standard Webhooks)."""

    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class WebhookSecret(Record):
    """What messages are signed with. Until `old_secret_until` they are signed with the secret before it, too."""

    secret: str = field(repr=False)
    old_secret_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Try(Record):
    """One try to deliver a message. `status` is None where there was no answer, `error` where it was delivered."""

    at: datetime | None = None
    status: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    response: str | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery(Record):
    """A message for a webhook; its `id` is what your server gets as `webhook-id`. `state`: pending, delivered or failed.

    `payload` and `tries` are told of one delivery alone, not in lists.
    """

    id: str
    webhook_id: str
    type: str
    state: str
    job_id: str | None = None
    event_id: str | None = None
    attempts: int = 0
    next_try_at: datetime | None = None
    last_try: Try | None = None
    created_at: datetime | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[Try, ...] = ()
