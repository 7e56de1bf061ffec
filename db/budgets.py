"""What a job may spend: reserved before each call, settled after it, by many workers at once.

A call's worst cost is reserved by one conditional UPDATE of the job's budget, so that what is spent and what is reserved never exceed the
limit together, whoever asks at the same time. The same transaction writes it to the window's row, under the window's lease. What a
worker that died had reserved stays reserved until somebody else has the window, or ends it; then it counts as spent, since the call may
have been made.

All locks are taken in the order job, window, budget.
"""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core.prices import SMALLEST_USD
from db import leases
from db.models import Budget, Window


class Grant(StrEnum):
    """`later`: calls in flight hold what is missing, and may give some of it back."""

    HELD = "held"
    LATER = "later"
    OVER = "over"


def begin(session: Session, job_id: UUID, *, limit_usd: float | None) -> None:
    """The budget of a new job."""
    session.add(Budget(job_id=job_id, limit_usd=None if limit_usd is None else Decimal(str(limit_usd))))


def reserve(session: Session, work: Window, usd: Decimal) -> Grant:
    """Hold so much for the call that is about to be made; the first that is more than the limit leaves room for closes the budget.

    Raises `LeaseLost`. Reserving the same twice holds it once.
    """
    row = leases.hold(session, work)
    more = usd - row.reserved_usd
    taken = Budget.spent_usd + Budget.reserved_usd + more
    fits = update(Budget).where(Budget.job_id == row.job_id, ~Budget.closed, or_(Budget.limit_usd.is_(None), taken <= Budget.limit_usd))
    if session.execute(fits.values(reserved_usd=Budget.reserved_usd + more).returning(Budget.job_id)).first():
        row.reserved_usd = usd
        return Grant.HELD
    never = update(Budget).where(Budget.job_id == row.job_id, or_(Budget.closed, Budget.spent_usd + usd > Budget.limit_usd))
    return Grant.OVER if session.execute(never.values(closed=True).returning(Budget.job_id)).first() else Grant.LATER


def settle(session: Session, row: Window, *, cost_usd: Decimal, uncertain_usd: Decimal) -> None:
    """All calls for the window cost this, so far as is known and so far as is not; nothing is reserved for it any more.

    The row must be locked. These are sums, so settling the same twice changes nothing.
    """
    whole = (cost_usd + uncertain_usd).quantize(SMALLEST_USD)
    spent, reserved = Budget.spent_usd + (whole - row.cost_usd), Budget.reserved_usd - row.reserved_usd
    session.execute(update(Budget).where(Budget.job_id == row.job_id).values(spent_usd=spent, reserved_usd=reserved))
    row.cost_usd, row.uncertain_usd, row.reserved_usd = whole, uncertain_usd, Decimal(0)


def forfeit(session: Session, row: Window) -> None:
    """Count what is reserved for a window as spent: nobody will tell what became of the call."""
    if row.reserved_usd:
        known = row.cost_usd - row.uncertain_usd
        settle(session, row, cost_usd=known, uncertain_usd=row.uncertain_usd + row.reserved_usd)


def forfeit_all(session: Session, job_id: UUID) -> None:
    """The same for all windows of a job that ends; the job must be locked."""
    held = select(Window).where(Window.job_id == job_id, Window.reserved_usd != 0).order_by(Window.id).with_for_update()
    for row in session.scalars(held.execution_options(populate_existing=True)):
        forfeit(session, row)


def is_closed(session: Session, job_id: UUID) -> bool:
    """Whether it met its limit."""
    return bool(session.scalar(select(Budget.closed).where(Budget.job_id == job_id)))
