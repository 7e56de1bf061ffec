"""Claims: who works on what, until when. The row is the work; a claim is one conditional UPDATE.

Whatever a worker writes afterwards is written only while its token is still the row's, so one that lost its lease changes nothing.
All times are the database's clock.
"""

from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from core.errors import PlayheadError
from db.models import Job, Work

Kind = TypeVar("Kind", bound=Work)


class LeaseLost(Exception):
    """Somebody else has the work now, or it was canceled or deleted: drop what you have."""


def _claimable(kind: type[Kind]) -> ColumnElement[bool]:
    now = func.clock_timestamp()
    return or_(
        and_(kind.state == "pending", kind.not_before <= now),
        and_(kind.state == "running", kind.lease_until < now),
    )


def claim(session: Session, kind: type[Kind], work_id: UUID, *, lease: timedelta, max_attempts: int) -> Kind | None:
    """Take work that is due, or whose worker let its lease run out; counts the attempt. None: not to be had."""
    free = (
        select(kind.id)
        .where(kind.id == work_id, _claimable(kind), kind.attempts < max_attempts)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return session.scalars(
        update(kind)
        .where(kind.id == free)
        .values(state="running", attempts=kind.attempts + 1, lease_token=uuid4(), lease_until=func.clock_timestamp() + lease)
        .returning(kind)
    ).one_or_none()


def _held(work: Kind) -> ColumnElement[bool]:
    kind = type(work)
    return and_(kind.id == work.id, kind.lease_token == work.lease_token, kind.state == "running")


def renew(session: Session, work: Kind, *, lease: timedelta) -> str:
    """Hold on to the work; gives its job's status. Raises `LeaseLost`."""
    kind = type(work)
    status = select(Job.status).where(Job.id == work.job_id).scalar_subquery()
    renewed = session.execute(update(kind).where(_held(work)).values(lease_until=func.clock_timestamp() + lease).returning(status)).first()
    if renewed is None:
        raise LeaseLost
    return str(renewed[0])


def note(session: Session, work: Kind, **values: Any) -> None:
    """Write something down in the work's row while it goes on. Raises `LeaseLost`."""
    kind = type(work)
    if session.execute(update(kind).where(_held(work)).values(values).returning(kind.id)).first() is None:
        raise LeaseLost


def hold(session: Session, work: Kind) -> Kind:
    """The row as it is now, locked until the transaction ends. Raises `LeaseLost`."""
    kind = type(work)
    row = session.scalars(select(kind).where(_held(work)).with_for_update().execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise LeaseLost
    return row


def hand_back(session: Session, work: Kind, *, after: timedelta, error: PlayheadError | None = None, blameless: bool) -> None:
    """Let others try, after a while. `blameless`: the attempt does not count, since the work was not at fault. Quiet if it is lost."""
    kind = type(work)
    session.execute(
        update(kind)
        .where(_held(work))
        .values(
            state="pending",
            attempts=kind.attempts - 1 if blameless else kind.attempts,
            outages=kind.outages + 1 if blameless else kind.outages,
            not_before=func.clock_timestamp() + after,
            lease_token=None,
            lease_until=None,
            error=error.as_dict() if error else None,
        )
    )


def due(session: Session, kind: type[Kind], *, limit: int) -> list[UUID]:
    """Work that anybody may take right now, oldest first: what to ring for."""
    return list(session.scalars(select(kind.id).where(_claimable(kind)).order_by(kind.not_before, kind.id).limit(limit)))


def exhausted(session: Session, kind: type[Kind], *, max_attempts: int) -> list[Kind]:
    """Work that nobody may take any more, since it used up its attempts."""
    return list(session.scalars(select(kind).where(_claimable(kind), kind.attempts >= max_attempts).limit(100)))


def seize(session: Session, work: Kind, *, max_attempts: int) -> Kind | None:
    """The exhausted work, locked and now nobody else's; None if that changed meanwhile."""
    kind = type(work)
    return session.scalars(
        update(kind)
        .where(kind.id == work.id, _claimable(kind), kind.attempts >= max_attempts)
        .values(state="running", lease_token=uuid4(), lease_until=func.clock_timestamp() + timedelta(seconds=5))
        .returning(kind)
        .execution_options(populate_existing=True)
    ).one_or_none()
