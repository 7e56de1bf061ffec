"""`/v1/webhooks`: have your own server told when a job ends, and what it found."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core import addresses
from core.queue import DELIVER
from core.request import Text
from core.settings import Settings
from core.webhooks import JOB_ENDED, TYPES, WebhookType
from db import webhooks
from db.models import Endpoint
from services.api.bodies import LimitedRoute
from services.api.context import Admin, Reader, WithParts
from services.api.listing import Cursor, Limit, Listing
from services.api.once import Whole

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=LimitedRoute)

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 -- the example of Standard Webhooks


def _in_order(events: list[WebhookType]) -> list[WebhookType]:
    return [each for each in TYPES if each in events]


Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=2000,
        description="Where messages are posted to. `https`, and a public address, unless the server's settings allow more.",
        examples=["https://example.com/playhead"],
    ),
]
Description = Annotated[Text, Field(max_length=500, description="What it is for.", examples=["The archive"])]
Events = Annotated[
    list[WebhookType],
    AfterValidator(_in_order),
    Field(
        min_length=1,
        description="What it is told of. `event.created` is one message for each event when its job ends, which may be thousands.",
        examples=[["job.succeeded", "job.partial", "job.failed"]],
    ),
]


class WebhookIn(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    description: Description | None = None
    events: Events = list(JOB_ENDED)


class WebhookChange(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    description: Description | None = Field(None, description="What it is for; null takes it away.", examples=["The archive"])
    events: Events | None = None
    enabled: bool | None = Field(
        None, strict=True, description="False: nothing is sent, and nothing new is written for it; what waits goes on waiting."
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if nothing := [name for name in ("url", "events", "enabled") if name in self.model_fields_set and getattr(self, name) is None]:
            raise ValueError(f"{nothing[0]} can't be null; leave it out where it should stay")
        return self


class WebhookOut(BaseModel):
    """Where messages go, which, and how that is going."""

    id: UUID
    object: Literal["webhook"] = "webhook"
    url: str = Field(
        description="Where messages are posted to, without its query, which may be a key.", examples=["https://example.com/playhead"]
    )
    description: str | None = Field(description="What it is for.", examples=["The archive"])
    events: list[WebhookType] = Field(description="What it is told of.")
    enabled: bool = Field(description="Whether anything is sent.", examples=[True])
    disabled_reason: str | None = Field(
        description="Why the server disabled it; null where it did not.", examples=["It answered with 410: it is gone for good."]
    )
    created_at: datetime
    last_success_at: datetime | None
    last_failure_at: datetime | None
    failures: int = Field(description="How many tries in a row failed.", examples=[0])

    @classmethod
    def of(cls, row: Endpoint) -> Self:
        told = {name: getattr(row, name) for name in cls.model_fields if name != "object"}
        return cls.model_validate({**told, "url": addresses.shown(row.url)})


class WebhookCreated(WebhookOut):
    """A new webhook, with its secret."""

    secret: str = Field(description="What its messages are signed with.", examples=[SECRET])


class WebhookSecret(BaseModel):
    """What a webhook's messages are signed with."""

    object: Literal["webhook_secret"] = "webhook_secret"
    secret: str = Field(description="The secret. Whoever has it can sign as this server does.", examples=[SECRET])
    old_secret_until: datetime | None

    @classmethod
    def of(cls, row: Endpoint) -> Self:
        return cls(secret=row.secret, old_secret_until=row.old_secret_until)


@router.post("", status_code=201, responses={201: {"headers": {"Location": {}}}})
def create_webhook(parts: WithParts, caller: Admin, once: Whole, body: WebhookIn, response: Response) -> WebhookCreated:
    """Have messages posted to a URL of yours when jobs end. They are signed by Standard Webhooks, come at least once, in no certain order.

    Problems: `address_refused` for a URL that this server does not post to; `too_many_webhooks`.
    """
    _check(body.url, parts.settings)
    at_most = parts.settings.max_webhooks
    with parts.sessions.begin() as session:
        made = webhooks.create(
            session, caller.workspace_id, url=body.url, description=body.description, events=body.events, at_most=at_most
        )
        response.headers["Location"] = f"/v1/webhooks/{made.id}"
        return once.keep(session, WebhookCreated.of(made))


@router.get("")
def list_webhooks(parts: WithParts, caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> Listing[WebhookOut]:
    """The workspace's webhooks, newest first."""
    with parts.sessions.begin() as session:
        page = webhooks.page(session, caller.workspace_id, limit=limit, cursor=cursor)
    return Listing(data=[WebhookOut.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get("/{webhook_id}")
def get_webhook(parts: WithParts, caller: Reader, webhook_id: UUID) -> WebhookOut:
    """One webhook, and how it is doing."""
    with parts.sessions.begin() as session:
        return WebhookOut.of(webhooks.get(session, caller.workspace_id, webhook_id))


@router.patch("/{webhook_id}")
def change_webhook(parts: WithParts, caller: Admin, webhook_id: UUID, body: WebhookChange) -> WebhookOut:
    """Change where a webhook goes, what it is told of, or whether anything is sent; what is left out stays. One that is enabled again goes
    on with what still waits for it.
    """
    if body.url is not None:
        _check(body.url, parts.settings)
    with parts.sessions.begin() as session:
        changed = WebhookOut.of(webhooks.change(session, caller.workspace_id, webhook_id, **body.model_dump(exclude_unset=True)))
    parts.ring(DELIVER, webhook_id)
    return changed


@router.delete("/{webhook_id}", status_code=204, response_description="It is deleted.")
def delete_webhook(parts: WithParts, caller: Admin, webhook_id: UUID) -> None:
    """Delete a webhook with its deliveries, also those that wait to be sent."""
    with parts.sessions.begin() as session:
        webhooks.remove(session, caller.workspace_id, webhook_id)


@router.get("/{webhook_id}/secret")
def get_webhook_secret(parts: WithParts, caller: Admin, webhook_id: UUID) -> WebhookSecret:
    """What the messages are signed with."""
    with parts.sessions.begin() as session:
        return WebhookSecret.of(webhooks.get(session, caller.workspace_id, webhook_id))


@router.post("/{webhook_id}/rotate")
def rotate_webhook_secret(parts: WithParts, caller: Admin, once: Whole, webhook_id: UUID) -> WebhookSecret:
    """Make a new secret. Until `old_secret_until` messages carry a signature of each of the two, so that your server can change when it
    likes. Rotate twice to end an old secret at once.
    """
    overlap = parts.settings.webhook_secret_overlap
    with parts.sessions.begin() as session:
        rotated = webhooks.rotate(session, caller.workspace_id, webhook_id, overlap=overlap)
        return once.keep(session, WebhookSecret.of(rotated))


def _check(url: str, settings: Settings) -> None:
    """What can be told now; where the host's name leads is looked up at each delivery. Raises `AddressRefused`."""
    addresses.check(url, addresses.policy_of(settings))
