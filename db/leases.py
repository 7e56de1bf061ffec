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
from db.models import Job, Leased, Work

Kind = TypeVar("Kind", bound=Work)
Row = TypeVar("Row", bound=Leased)


class LeaseLost(Exception):
    """Somebody else has the work now, or it was canceled or deleted: drop what you have."""


def _claimable(kind: type[Row]) -> ColumnElement[bool]:
    now = func.clock_timestamp()
    return or_(
        and_(kind.state == "pending", kind.not_before <= now),
        and_(kind.state == "running", kind.lease_until < now),
    )


def claim(session: Session, kind: type[Row], row_id: UUID, *, lease: timedelta, max_attempts: int) -> Row | None:
    """Take work that is due, or whose worker let its lease run out; counts the attempt. None: not to be had."""
    free = (
        select(kind.id)
        .where(kind.id == row_id, _claimable(kind), kind.attempts < max_attempts)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return session.scalars(
        update(kind)
        .where(kind.id == free)
        .values(state="running", attempts=kind.attempts + 1, lease_token=uuid4(), lease_until=func.clock_timestamp() + lease)
        .returning(kind)
    ).one_or_none()


def _held(row: Row) -> ColumnElement[bool]:
    kind = type(row)
    return and_(kind.id == row.id, kind.lease_token == row.lease_token, kind.state == "running")


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


def hold(session: Session, row: Row) -> Row:
    """The row as it is now, locked until the transaction ends. Raises `LeaseLost`."""
    kind = type(row)
    held = session.scalars(select(kind).where(_held(row)).with_for_update().execution_options(populate_existing=True)).one_or_none()
    if held is None:
        raise LeaseLost
    return held


def hand_back(session: Session, work: Kind, *, after: timedelta, error: PlayheadError | None = None, blameless: bool) -> None:
    """Let others try, after a while. `blameless`: the attempt does not count, since the work was not at fault. Quiet if it is lost."""
    kind = type(work)
    let_go(
        session,
        work,
        after=after,
        attempts=kind.attempts - 1 if blameless else kind.attempts,
        outages=kind.outages + 1 if blameless else kind.outages,
        error=error.as_dict() if error else None,
    )


def let_go(session: Session, row: Row, *, after: timedelta, **values: Any) -> None:
    """Have the row taken by others, after a while. Quiet if it is lost."""
    free = {"state": "pending", "not_before": func.clock_timestamp() + after, "lease_token": None, "lease_until": None}
    session.execute(update(type(row)).where(_held(row)).values(**free, **values))


def due(session: Session, kind: type[Row], *where: ColumnElement[bool], limit: int) -> list[UUID]:
    """What anybody may take right now, oldest first: what to ring for."""
    return list(session.scalars(select(kind.id).where(_claimable(kind), *where).order_by(kind.not_before, kind.id).limit(limit)))


def exhausted(session: Session, kind: type[Row], *, max_attempts: int) -> list[Row]:
    """What nobody may take any more, since it used up its attempts."""
    return list(session.scalars(select(kind).where(_claimable(kind), kind.attempts >= max_attempts).limit(100)))


def seize(session: Session, row: Row, *, max_attempts: int) -> Row | None:
    """The exhausted row, locked and now nobody else's; None if that changed meanwhile."""
    kind = type(row)
    return session.scalars(
        update(kind)
        .where(kind.id == row.id, _claimable(kind), kind.attempts >= max_attempts)
        .values(state="running", lease_token=uuid4(), lease_until=func.clock_timestamp() + timedelta(seconds=5))
        .returning(kind)
        .execution_options(populate_existing=True)
    ).one_or_none()
