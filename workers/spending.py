"""A window's calls within its job's budget: the most that one can cost is reserved before it is made."""

from decimal import Decimal

from core import prices
from core.errors import BudgetSpent
from core.prices import Price
from core.request import JobRequest
from db import budgets, jobs
from db.budgets import Grant
from db.models import Window
from workers.model.retries import wait_for_leave
from workers.runtime import Runtime
from workers.work import Heartbeat


class Purse:
    """One window's. `price` is what the job's estimate was made with; once a budget is met, no call of the job is permitted any more."""

    def __init__(self, runtime: Runtime, work: Window, request: JobRequest, beat: Heartbeat) -> None:
        self._sessions, self._work, self._beat = runtime.sessions, work, beat
        self._limit_usd = request.budget_usd
        told = self._sessions.run(lambda session: jobs.price(session, work.job_id))
        self.price = Price.from_dict(told) if told else prices.of_settings(runtime.settings)

    def permit(self) -> None:
        """Ask before each call, and while waiting to make one. Raises `BudgetSpent`, and what `Heartbeat.permit` raises."""
        self._beat.permit()
        self.check()

    def check(self) -> None:
        """Raises `BudgetSpent` once the budget was met, by whatever window of the job."""
        if self._limit_usd is not None and self._sessions.run(lambda session: budgets.is_closed(session, self._work.job_id)):
            raise self._spent()

    def reserve(self, usd: Decimal) -> None:
        """Hold the most that a call can cost, if need be once calls in flight have given back what they held for nothing.

        Raises `BudgetSpent`, and `ModelBusy` where they take too long.
        """

        def look() -> Grant | None:
            grant = self._sessions.run(lambda session: budgets.reserve(session, self._work, usd))
            if grant is Grant.OVER:
                raise self._spent()
            return grant if grant is Grant.HELD else None

        wait_for_leave(look, permit=self._beat.permit, busy="What is left of the job's budget is held for calls in flight.")

    def _spent(self) -> BudgetSpent:
        return BudgetSpent(f"The job's budget of ${self._limit_usd:g} leaves no room for another call.")
