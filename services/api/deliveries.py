"""`/v1/webhooks/{id}/deliveries`: what was sent, what came back, and once more."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from core.queue import DELIVER
from core.webhooks import TEST, WebhookType
from db import deliveries, webhooks
from db.models import Delivery
from services.api.bodies import LimitedRoute
from services.api.context import Reader, WithParts, Writer
from services.api.listing import Cursor, Limit, Listing
from services.api.once import Whole

router = APIRouter(prefix="/v1/webhooks/{webhook_id}", tags=["webhooks"], route_class=LimitedRoute)

DeliveryState = Literal["pending", "delivered", "failed"]
DeliveryType = Literal[WebhookType, "webhook.test"]
STORED: dict[DeliveryState, tuple[str, ...]] = {"pending": ("pending", "running"), "delivered": ("delivered",), "failed": ("failed",)}


class TryOut(BaseModel):
    """One try to deliver a message."""

    at: datetime
    status: int | None = Field(description="The status that was answered; null: there was no answer.", examples=[204])
    error: str | None = Field(description="Why it was not delivered; null: it was.", examples=["Answered with 500."])
    duration_ms: int = Field(description="How long it took, in milliseconds.", examples=[120])
    response: str | None = Field(description="How the answer's body began.", examples=["ok"])


class DeliveryOut(BaseModel):
    """A message for a webhook. `id` is its `webhook-id`, the same over all tries."""

    id: UUID = Field(description="The message's id: what your server gets as `webhook-id`.")
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_id: UUID
    type: DeliveryType = Field(description="What it tells of.", examples=["job.succeeded"])
    job_id: UUID | None = Field(description="The job that it tells of; null for a test.")
    event_id: UUID | None = Field(description="The event that it tells of; null where it is none.")
    state: DeliveryState = Field(
        description="`pending`: it waits for its next try, or is being sent. `failed`: it is not tried again by itself."
    )
    attempts: int = Field(description="How often it was tried since it was last asked for.", examples=[1])
    next_try_at: datetime | None
    last_try: TryOut | None
    created_at: datetime

    @classmethod
    def of(cls, row: Delivery, **more: Any) -> Self:
        same = {name: getattr(row, name) for name in ("id", "type", "job_id", "event_id", "attempts", "created_at")}
        state = next(state for state, stored in STORED.items() if row.state in stored)
        return cls.model_validate(
            {
                **same,
                "webhook_id": row.endpoint_id,
                "state": state,
                "next_try_at": row.not_before if row.state == "pending" else None,
                "last_try": row.tries[-1] if row.tries else None,
                **more,
            }
        )


class DeliveryDetail(DeliveryOut):
    """A message for a webhook: what is sent, and each try."""

    payload: dict[str, Any] = Field(
        description="What is sent: `type`, `timestamp`, and in `data` the job or event as it was then.",
        examples=[{"type": TEST, "timestamp": "2026-03-01T12:00:00Z", "data": {}}],
    )
    tries: list[TryOut]

    @classmethod
    def whole(cls, row: Delivery) -> Self:
        return cls.of(row, payload=row.payload, tries=row.tries)


@router.post("/test", status_code=202)
def test_webhook(parts: WithParts, caller: Writer, once: Whole, webhook_id: UUID) -> DeliveryOut:
    """Send a message of type `webhook.test`, once. How that went its delivery tells. Problem: `webhook_disabled`."""
    with parts.sessions.begin() as session:
        sent = once.keep(session, DeliveryOut.of(deliveries.test(session, caller.workspace_id, webhook_id)))
    parts.ring(DELIVER, webhook_id)
    return sent


@router.get("/deliveries")
def list_deliveries(
    parts: WithParts,
    caller: Reader,
    webhook_id: UUID,
    state: Annotated[list[DeliveryState] | None, Query(description="Only deliveries in one of these states.")] = None,
    type: Annotated[list[DeliveryType] | None, Query(description="Only messages of these types.", examples=[["job.succeeded"]])] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[DeliveryOut]:
    """What was sent or is to be, newest first."""
    stored = [each for wanted in state or () for each in STORED[wanted]]
    with parts.sessions.begin() as session:
        webhook = webhooks.get(session, caller.workspace_id, webhook_id)
        page = deliveries.page(session, webhook.id, states=stored, types=type or (), limit=limit, cursor=cursor)
    return Listing(data=[DeliveryOut.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get("/deliveries/{delivery_id}")
def get_delivery(parts: WithParts, caller: Reader, webhook_id: UUID, delivery_id: UUID) -> DeliveryDetail:
    """One message: what is sent, and how each try went."""
    with parts.sessions.begin() as session:
        return DeliveryDetail.whole(deliveries.get(session, caller.workspace_id, webhook_id, delivery_id))


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
def redeliver(parts: WithParts, caller: Writer, once: Whole, webhook_id: UUID, delivery_id: UUID) -> DeliveryOut:
    """Send a message now, whatever became of it, under the same id and with all its tries ahead of it. Problem: `webhook_disabled`."""
    with parts.sessions.begin() as session:
        sent = once.keep(session, DeliveryOut.of(deliveries.again(session, caller.workspace_id, webhook_id, delivery_id)))
    parts.ring(DELIVER, webhook_id)
    return sent
