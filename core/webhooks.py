"""What webhooks tell of, and how their secrets look (Standard Webhooks)."""

import base64
import secrets
from typing import Literal, get_args

WebhookType = Literal["job.succeeded", "job.partial", "job.failed", "job.canceled", "event.created"]

TYPES: tuple[WebhookType, ...] = get_args(WebhookType)
EVENT_CREATED: WebhookType = "event.created"
JOB_ENDED = tuple(each for each in TYPES if each.startswith("job."))
TEST = "webhook.test"
"""Sent when somebody asks for it, whatever the endpoint's filter."""

SECRET_PREFIX = "whsec_"  # noqa: S105 -- what every secret begins with
SECRET_BYTES = 32


def new_secret() -> str:
    """A signing key, as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
