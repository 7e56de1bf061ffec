"""Webhook endpoints: queries, and what is known of how each is doing.

Whoever changes an endpoint or one of its deliveries locks the endpoint first.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Text, delete, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from core.errors import NotFound, TooManyWebhooks
from core.webhooks import new_secret
from db.models import Endpoint, Workspace
from db.pages import Page, decode, encode
from db.videos import as_id


def create(session: Session, workspace_id: UUID, *, url: str, description: str | None, events: Iterable[str], at_most: int) -> Endpoint:
    """Raises `TooManyWebhooks` where the workspace has that many."""
    session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))
    if (session.scalar(select(func.count()).where(Endpoint.workspace_id == workspace_id)) or 0) >= at_most:
        raise TooManyWebhooks(f"This workspace has {at_most} webhooks, which is as many as it may; delete one.")
    made = Endpoint(workspace_id=workspace_id, url=url, description=description, events=list(events), secret=new_secret())
    session.add(made)
    session.flush()
    session.refresh(made)
    return made


def get(session: Session, workspace_id: UUID, endpoint_id: UUID) -> Endpoint:
    """Raises `NotFound`, also for another workspace's endpoint."""
    found = session.scalars(select(Endpoint).where(Endpoint.id == endpoint_id, Endpoint.workspace_id == workspace_id)).one_or_none()
    if found is None:
        raise NotFound(f"There is no webhook {endpoint_id}.")
    return found


def lock(session: Session, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint, locked until the transaction ends; deliveries for it can be written meanwhile. None: it was deleted."""
    return session.scalars(
        select(Endpoint).where(Endpoint.id == endpoint_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()


def hold(session: Session, workspace_id: UUID, endpoint_id: UUID) -> Endpoint:
    """The same for whoever asks from outside. Raises `NotFound`."""
    get(session, workspace_id, endpoint_id)
    if (held := lock(session, endpoint_id)) is None:
        raise NotFound(f"There is no webhook {endpoint_id}.")
    return held


def page(session: Session, workspace_id: UUID, *, limit: int, cursor: str | None) -> Page[Endpoint]:
    """Newest first."""
    query = select(Endpoint).where(Endpoint.workspace_id == workspace_id).order_by(Endpoint.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Endpoint.id < as_id(decode(cursor, sort="-id", places=1)[0]))
    rows = list(session.scalars(query))
    return Page(rows[:limit], encode("-id", [str(rows[limit - 1].id)]) if len(rows) > limit else None)


def change(session: Session, workspace_id: UUID, endpoint_id: UUID, **values: Any) -> Endpoint:
    """One that is enabled again, or sent elsewhere, starts with a clean slate. Raises `NotFound`."""
    endpoint = hold(session, workspace_id, endpoint_id)
    for name, value in values.items():
        setattr(endpoint, name, value)
    if values.get("enabled") or "url" in values:
        endpoint.failures, endpoint.failing_since = 0, None
    if "enabled" in values:
        endpoint.disabled_reason = None
    session.flush()
    return endpoint


def remove(session: Session, workspace_id: UUID, endpoint_id: UUID) -> None:
    """With its deliveries. Raises `NotFound`."""
    get(session, workspace_id, endpoint_id)
    session.execute(delete(Endpoint).where(Endpoint.id == endpoint_id))


def rotate(session: Session, workspace_id: UUID, endpoint_id: UUID, *, overlap: timedelta) -> Endpoint:
    """A new secret; the one before signs too, for so long. Raises `NotFound`."""
    endpoint = hold(session, workspace_id, endpoint_id)
    endpoint.old_secret, endpoint.secret = endpoint.secret, new_secret()
    endpoint.old_secret_until = func.clock_timestamp() + overlap
    session.flush()
    session.refresh(endpoint)
    return endpoint


def subscribed(session: Session, workspace_id: UUID, types: Iterable[str]) -> list[Endpoint]:
    """Enabled endpoints that ask for one of the types. They can't be deleted before the transaction ends."""
    asks = type_coerce(Endpoint.events, ARRAY(Text)).overlap(list(types))
    query = select(Endpoint).where(Endpoint.workspace_id == workspace_id, Endpoint.enabled, asks)
    return list(session.scalars(query.order_by(Endpoint.id).with_for_update(read=True, key_share=True)))


def succeeded(endpoint: Endpoint, now: datetime) -> None:
    """It took a message."""
    endpoint.last_success_at = now
    endpoint.failures, endpoint.failing_since = 0, None


def failed(endpoint: Endpoint, now: datetime, *, enough: int, longest: timedelta) -> None:
    """It did not take one; disables an endpoint that has taken none for so long, and in so many tries."""
    endpoint.last_failure_at = now
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    if endpoint.failures >= enough and now - endpoint.failing_since >= longest:
        disable(endpoint, f"It took none of the last {endpoint.failures} tries, since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC.")


def disable(endpoint: Endpoint, reason: str) -> None:
    """Until somebody enables it again; the reason is for people."""
    if endpoint.enabled:
        endpoint.enabled, endpoint.disabled_reason = False, reason
