"""What webhooks send: an outbox. Messages are written by the transaction that they tell of, and wait here until they are delivered."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer
from uuid_utils.compat import uuid7

from core.errors import NotFound, WebhookDisabled
from core.webhooks import TEST
from db import leases, webhooks
from db.models import Delivery, Endpoint
from db.pages import Page, decode, encode
from db.videos import as_id

TRIES_KEPT = 50
SHAKY = 3
"""After so many failures in a row an endpoint is sent one message at a time, until it takes one."""

WRITTEN_AT_ONCE = 500
FORGOTTEN_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Try:
    """A try at a delivery: `status` is None where there was no answer, `error` where it was taken. `response`: how the body began."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None
    response: str | None = None


class Taken(NamedTuple):
    """A message to be sent, its secrets, the newest first, and what time it is. `more`: there is another one that may be sent now."""

    delivery: Delivery
    url: str
    payload: dict[str, Any]
    secrets: list[str]
    now: datetime
    more: bool


class Verdict(NamedTuple):
    """What becomes of a delivery after a try. `again_after`: it is tried again; `disable`: why the endpoint gets nothing more."""

    delivered: bool
    again_after: timedelta | None = None
    disable: str | None = None


def write(session: Session, messages: Iterable[dict[str, Any]]) -> None:
    """Messages with the members of `Delivery`, all the same ones; those of an event that its endpoint was told of before are left out.

    They are taken and written some at a time: a job with many events tells each of them to many endpoints.
    """
    left = iter(messages)
    while some := [{"id": uuid7(), **message} for message in islice(left, WRITTEN_AT_ONCE)]:
        # Many parameters, as in `events.become`.
        session.connection().execute(insert(Delivery).on_conflict_do_nothing(), some)


def test(session: Session, workspace_id: UUID, endpoint_id: UUID) -> Delivery:
    """A message that tells of nothing. Raises `NotFound`, and `WebhookDisabled` where the endpoint is disabled."""
    endpoint = _enabled(session, workspace_id, endpoint_id)
    payload = {"type": TEST, "timestamp": _written(_now(session)), "data": {"object": "webhook", "id": str(endpoint.id)}}
    made = Delivery(workspace_id=workspace_id, endpoint_id=endpoint.id, type=TEST, payload=payload)
    session.add(made)
    session.flush()
    session.refresh(made)
    return made


def get(session: Session, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """With its payload. Raises `NotFound`, also for another workspace's or endpoint's."""
    query = select(Delivery).where(Delivery.id == delivery_id, Delivery.endpoint_id == endpoint_id, Delivery.workspace_id == workspace_id)
    found = session.scalars(query.options(undefer(Delivery.payload)).execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id} of the webhook {endpoint_id}.")
    return found


def page(
    session: Session, endpoint_id: UUID, *, states: Iterable[str], types: Iterable[str], limit: int, cursor: str | None
) -> Page[Delivery]:
    """Newest first, without payloads."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.id.desc()).limit(limit + 1)
    if wanted := tuple(states):
        query = query.where(Delivery.state.in_(wanted))
    if chosen := tuple(types):
        query = query.where(Delivery.type.in_(chosen))
    if cursor is not None:
        query = query.where(Delivery.id < as_id(decode(cursor, sort="-id", places=1)[0]))
    rows = list(session.scalars(query))
    return Page(rows[:limit], encode("-id", [str(rows[limit - 1].id)]) if len(rows) > limit else None)


def again(session: Session, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Send it now, whatever became of it before, with all its tries ahead of it; one that is being sent stays as it is.

    Raises `NotFound`, and `WebhookDisabled` where the endpoint is disabled.
    """
    _enabled(session, workspace_id, endpoint_id)
    get(session, workspace_id, endpoint_id, delivery_id)
    anew = {"state": "pending", "attempts": 0, "not_before": func.clock_timestamp(), "lease_token": None, "lease_until": None}
    session.execute(update(Delivery).where(Delivery.id == delivery_id, Delivery.state != "running").values(anew))
    return get(session, workspace_id, endpoint_id, delivery_id)


def _enabled(session: Session, workspace_id: UUID, endpoint_id: UUID) -> Endpoint:
    endpoint = webhooks.hold(session, workspace_id, endpoint_id)
    if not endpoint.enabled:
        raise WebhookDisabled('This webhook is disabled. Enable it first: `PATCH` it with `{"enabled": true}`.')
    return endpoint


def take(session: Session, endpoint_id: UUID, *, lease: timedelta, in_flight: int, max_attempts: int) -> Taken | None:
    """The message that has waited longest for an endpoint. None: nothing is due, or it has as many in flight as it may."""
    endpoint = webhooks.lock(session, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        return None
    now = _now(session)
    running = and_(Delivery.endpoint_id == endpoint_id, Delivery.state == "running", Delivery.lease_until >= now)
    room = (1 if endpoint.failures >= SHAKY else in_flight) - (session.scalar(select(func.count()).where(running)) or 0)
    mine = and_(Delivery.endpoint_id == endpoint_id, Delivery.attempts < max_attempts)
    due = leases.due(session, Delivery, mine, limit=2) if room > 0 else []
    if not due or (delivery := leases.claim(session, Delivery, due[0], lease=lease, max_attempts=max_attempts)) is None:
        return None
    still_signs = endpoint.old_secret is not None and endpoint.old_secret_until is not None and endpoint.old_secret_until > now
    secrets = [endpoint.secret, *([str(endpoint.old_secret)] if still_signs else [])]
    return Taken(delivery, endpoint.url, delivery.payload, secrets, now, more=room > 1 and len(due) > 1)


def tried(session: Session, delivery: Delivery, *, told: Try, verdict: Verdict, enough: int, longest: timedelta) -> None:
    """Write down how a try ended; `enough` and `longest` are those of `webhooks.failed`. Raises `LeaseLost`."""
    endpoint = webhooks.lock(session, delivery.endpoint_id)
    row = leases.hold(session, delivery)
    assert endpoint is not None  # its deliveries go with it
    now = _now(session)
    row.tries = [*row.tries, {**asdict(told), "at": _written(told.at)}][-TRIES_KEPT:]
    row.lease_token = row.lease_until = None
    if verdict.delivered:
        row.state = "delivered"
        webhooks.succeeded(endpoint, now)
        return
    row.state = "failed" if verdict.again_after is None else "pending"
    row.not_before = now + (verdict.again_after or timedelta(0))
    if verdict.disable:
        webhooks.disable(endpoint, verdict.disable)
    webhooks.failed(endpoint, now, enough=enough, longest=longest)


def _now(session: Session) -> datetime:
    """The database's clock: receivers hold a signature's time against theirs, and a worker's may be wrong."""
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def _written(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def hand_back(session: Session, delivery: Delivery) -> None:
    """Whoever had it was told to stop: it was not tried. Quiet if it is lost."""
    leases.let_go(session, delivery, after=timedelta(0), attempts=Delivery.attempts - 1)


def waiting(session: Session, *, max_attempts: int, limit: int) -> list[UUID]:
    """Endpoints for which something is due, those that have waited longest first: what to ring for."""
    now = func.clock_timestamp()
    since = case((Delivery.state == "pending", Delivery.not_before), else_=Delivery.lease_until)
    first = select(func.min(since)).where(
        Delivery.endpoint_id == Endpoint.id, Delivery.state.in_(("pending", "running")), Delivery.attempts < max_attempts
    )
    oldest = first.scalar_subquery()
    return list(session.scalars(select(Endpoint.id).where(Endpoint.enabled, oldest <= now).order_by(oldest).limit(limit)))


def bury(session: Session, *, max_attempts: int) -> None:
    """End what used up its tries with a worker that died, or under a longer schedule."""
    for delivery in leases.exhausted(session, Delivery, max_attempts=max_attempts):
        if (seized := leases.seize(session, delivery, max_attempts=max_attempts)) is not None:
            seized.state, seized.lease_token, seized.lease_until = "failed", None, None


def forget(session: Session, *, kept: timedelta) -> None:
    """Delete what was written so long ago, whatever became of it; the rest when it is asked again."""
    old = select(Delivery.id).where(Delivery.created_at < func.clock_timestamp() - kept).order_by(Delivery.created_at)
    session.execute(delete(Delivery).where(Delivery.id.in_(old.limit(FORGOTTEN_AT_ONCE))))
