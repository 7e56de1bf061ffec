"""Whatever workers, users and the sweeper do to a job, in whatever order: it never says what is not so, and it ends.

Each step is one transaction of somebody's, by the product's own functions; those who hold a lease may be any number of steps late. To
search further than a test run may: `MACHINE_EXAMPLES=5000 make test ARGS='-k job_machine'`, with other orders each time.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, update

from core.errors import BudgetSpent, Conflict, ModelUnavailable, NotFound
from core.settings import Settings
from db import budgets, jobs, leases, retries, videos, windows
from db.leases import LeaseLost
from db.models import Budget, Event, Job, Plan, Segment, Video, Window, Work
from db.session import Sessions
from tests.integration import rows
from tests.integration.test_settling import FAILED, seen
from workers import settling
from workers import work as working
from workers.runtime import Runtime, make_runtime
from workers.sweeping import sweep
from workers.work import carry_out

LEASE = timedelta(minutes=1)
SPANS = ((0, 64_000), (56_000, 120_000), (112_000, 180_000))
SEGMENTS = ((0,), (1, 2))
PARTLY = [[100_000, 110_000, "bad_reply"]]
COST = Decimal("0.01")
ENDED = {"succeeded", "partial", "failed", "canceled"}
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))


@dataclass
class World:
    sessions: Sessions
    runtime: Runtime
    settings: Settings
    workspace_id: UUID


class JobMachine(RuleBasedStateMachine):
    held = Bundle("held")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.sessions = world, world.sessions
        self.video = rows.video(world.sessions, world.workspace_id, duration_ms=SPANS[-1][1])
        job, _ = rows.job(world.sessions, self.video, world.settings, budget_usd=0.08)
        self.job_id = job.id
        self.answers: dict[UUID, Any] = {}
        self.owners: dict[UUID, UUID | None] = {}
        self.ended: tuple[str, Any] | None = None
        self.deleted = False

    @initialize(sampled=strategies.sampled_from((True, True, False)))
    def begin(self, sampled: bool) -> None:
        """At the beginning, or where everything is sampled and nothing is answered."""
        if sampled:
            with self.sessions.begin() as session:
                plan = session.query(Plan).filter_by(job_id=self.job_id).one()
            self._do_all(Plan, [plan.id])
            with self.sessions.begin() as session:
                ids = list(session.scalars(select(Segment.id)))
            self._do_all(Segment, ids)

    # What workers do

    @rule(target=held, kind=strategies.sampled_from((Plan, Segment)), place=strategies.integers(0, 2))
    def claim_what_comes_before(self, kind: type[Work], place: int) -> Any:
        return self._claim_due(kind, place)

    @rule(target=held, place=strategies.integers(0, 2))
    def claim_a_window(self, place: int) -> Any:
        return self._claim_due(Window, place)

    @rule(target=held, work=held)
    def lose_it_to_another(self, work: Work) -> Any:
        """The lease runs out, and somebody else claims; the first one goes on without knowing."""
        self.let_the_lease_run_out(work)
        return self._claim(type(work), work.id)

    @rule(work=held, how=strategies.sampled_from(("finish", "finish", "answer_in_part", "fail", "fail", "be_away", "meet_a_bug")))
    def end(self, work: Work, how: str) -> None:
        getattr(self, f"_{how}")(work)

    @rule(work=held, place=strategies.integers(0, 1))
    def bring_a_window(self, work: Work, place: int) -> None:
        if isinstance(work, Segment):
            seq, start_ms, end_ms = work.windows[place % len(work.windows)]
            self._write(work, lambda session: windows.add(session, self._window(session, work, seq, start_ms, end_ms)))

    @rule(work=held)
    def reserve_and_pay(self, work: Work) -> None:
        """A call, whose answer is nothing but its bill."""
        if not isinstance(work, Window):
            return
        grants = []
        self._write(work, lambda session: grants.append(budgets.reserve(session, work, 2 * COST)), lock=False)
        if grants == [budgets.Grant.HELD]:
            self._write(work, lambda session: self._pay(session, work), lock=False)

    @rule(work=held)
    def reserve_and_die(self, work: Work) -> None:
        if isinstance(work, Window):
            self._write(work, lambda session: budgets.reserve(session, work, 2 * COST), lock=False)

    @rule(work=held)
    def let_the_lease_run_out(self, work: Work) -> None:
        kind = type(work)
        with self.sessions.begin() as session:
            late = func.clock_timestamp() - timedelta(seconds=1)
            session.execute(update(kind).where(kind.id == work.id, kind.lease_token == work.lease_token).values(lease_until=late))

    # What others do

    @rule(what=strategies.sampled_from((*("sweep",) * 5, *("retry",) * 4, "cancel", "pass_the_deadline", "delete")))
    def meddle(self, what: str) -> None:
        """Seldom enough for jobs to grow old."""
        getattr(self, f"_{what}")()

    def _sweep(self) -> None:
        sweep(self.world.runtime)

    def _retry(self) -> None:
        workspace_id, deadline = self.world.workspace_id, timedelta(hours=1)
        if self._ask(lambda session: retries.retry(session, workspace_id, self.job_id, budget_usd=0.5, deadline=deadline)):
            self.ended = None

    def _cancel(self) -> None:
        self._ask(lambda session: jobs.cancel(session, self.world.workspace_id, self.job_id))

    def _pass_the_deadline(self) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Job).where(Job.id == self.job_id, Job.completed_at.is_(None)).values(deadline_at=Job.created_at))

    def _delete(self) -> None:
        self._ask(lambda session: videos.remove(session, self.world.workspace_id, self.video.id, again_after=timedelta(0)))
        self.deleted = True

    # What always holds

    @invariant()
    def says_what_is_so(self) -> None:
        with self.sessions.begin() as session:
            job = session.get(Job, self.job_id)
            if self.deleted:
                assert job is None
                assert [session.query(kind).count() for kind in (Video, Plan, Segment, Window, Event, Budget)] == [0] * 6
                return
            assert job is not None
            looked, _ = windows.of_job(session, job.id)
            found = list(session.scalars(select(Event).where(Event.job_id == job.id)))
            self._check_answers(looked)
            self._check_budget(session, looked)
            assert (job.status in ENDED) == (job.completed_at is not None)
            if job.status not in ENDED:
                assert self.ended is None, "what has ended does not begin again by itself"
                return
            assert not jobs.is_open(session, job.id)
            assert not any(event.provisional for event in found)
            assert job.coverage is not None
            whole = len(looked) == len(SPANS) and all(row.state == "done" and not row.gaps for row in looked)
            assert (job.status == "succeeded") == (whole and job.status != "canceled"), (job.status, [row.state for row in looked])
            assert job.coverage["ratio"] < 1 or job.status in ("succeeded", "canceled") or len(looked) < len(SPANS) or job.warnings
            outcome = (job.status, job.coverage, sorted(event.id for event in found), job.completed_at)
            assert self.ended in (None, outcome), "an end is final"
            self.ended = outcome

    def _check_answers(self, looked: list[Window]) -> None:
        for row in looked:
            assert row.detections == self.answers.get(row.id), "an answer is that of whoever held the lease, and stays"
            if row.state == "done":
                assert row.detections is not None

    def _check_budget(self, session: Any, looked: list[Window]) -> None:
        budget = session.get_one(Budget, self.job_id)
        assert budget.spent_usd == sum(row.cost_usd for row in looked)
        assert budget.reserved_usd == sum(row.reserved_usd for row in looked)
        assert budget.spent_usd + budget.reserved_usd <= budget.limit_usd

    def teardown(self) -> None:
        """Left to honest workers it ends."""
        for _ in range(40):
            with self.sessions.begin() as session:
                for kind in (Plan, Segment, Window):
                    late = func.clock_timestamp() - timedelta(seconds=1)
                    session.execute(update(kind).where(kind.state == "running").values(lease_until=late))
                    session.execute(update(kind).values(not_before=late))
                job = session.get(Job, self.job_id)
                due = [(kind, leases.due(session, kind, limit=10)) for kind in (Plan, Segment, Window)]
            if job is None or job.completed_at is not None:
                break
            for kind, ids in due:
                self._do_all(kind, ids)
            sweep(self.world.runtime)
        else:
            raise AssertionError(f"the job is {job.status} for ever")
        self.says_what_is_so()
        if not self.deleted:
            with self.sessions.begin() as session:
                videos.remove(session, self.world.workspace_id, self.video.id, again_after=timedelta(0))

    def _do(self, work: Work) -> None:
        self.owners[work.id] = work.lease_token
        for row in work.windows if isinstance(work, Segment) else ():
            self.bring_a_window(work, work.windows.index(row))
        self._finish(work)

    # The stages' own transactions, without decoding and asking

    def _claim_due(self, kind: type[Work], place: int) -> Any:
        with self.sessions.begin() as session:
            due = leases.due(session, kind, limit=10)
        return self._claim(kind, due[place % len(due)]) if due else multiple()

    def _claim(self, kind: type[Work], work_id: UUID) -> Any:
        with self.sessions.begin() as session:
            found = leases.claim(session, kind, work_id, lease=LEASE, max_attempts=3)
        if found is None:
            return multiple()
        self.owners[found.id] = found.lease_token
        return found

    def _do_all(self, kind: type[Work], ids: list[UUID]) -> None:
        for work_id in ids:
            carry_out(self.world.runtime, kind, work_id, lambda work, _: self._do(work))

    def _finish(self, work: Work) -> None:
        match work:
            case Plan():
                self._write(work, self._plan)
            case Segment():
                self._write(work, lambda session: settling.close(session, work, state="done") if self._all_there(session, work) else None)
            case Window():
                self._answer(work, [seen("car", work.start_ms, work.start_ms + 5000)], [])

    def _answer_in_part(self, work: Work) -> None:
        if isinstance(work, Window):
            self._answer(work, [seen("car", work.start_ms, work.start_ms + 3000)], PARTLY if work.seq == 1 else [])

    def _fail(self, work: Work) -> None:
        self._write(work, lambda session: settling.close(session, work, state="failed", error=FAILED["error"]))

    def _be_away(self, work: Work) -> None:
        working._end(self.world.runtime, work, ModelUnavailable("away", retry_after_s=0.001))

    def _meet_a_bug(self, work: Work) -> None:
        working._end(self.world.runtime, work, RuntimeError("a bug"))

    def _write(self, work: Work, do: Callable[[Any], object], *, lock: bool = True) -> bool:
        """Under the job's lock and the work's lease, as everybody writes; False where the lease is lost."""
        try:
            with self.sessions.begin() as session:
                if lock and jobs.lock(session, work.job_id) is None:
                    raise LeaseLost
                leases.hold(session, work)
                do(session)
        except LeaseLost:
            return False
        assert self.owners[work.id] == work.lease_token, "only who claimed last may write"
        return True

    def _ask(self, do: Callable[[Any], object]) -> bool:
        try:
            with self.sessions.begin() as session:
                do(session)
        except (Conflict, BudgetSpent):
            return False
        except NotFound:
            if not self.deleted:
                raise
            return False
        return True

    def _plan(self, session: Any) -> None:
        job = session.get_one(Job, self.job_id)
        job.windows_total, job.status = len(SPANS), "processing"
        cut = [[[seq, *SPANS[seq]] for seq in seqs] for seqs in SEGMENTS]
        windows.add_segments(
            session, [{"workspace_id": job.workspace_id, "job_id": job.id, "seq": seq, "windows": each} for seq, each in enumerate(cut)]
        )
        settling.close(session, session.query(Plan).filter_by(job_id=job.id).one(), state="done")

    def _window(self, session: Any, work: Segment, seq: int, start_ms: int, end_ms: int) -> dict[str, Any]:
        at = {"workspace_id": work.workspace_id, "job_id": work.job_id, "seq": seq, "start_ms": start_ms, "end_ms": end_ms}
        frames = {"frames_key": f"frames/{work.job_id}/{seq}", "frame_pts_ms": list(range(start_ms, end_ms, 1000)), "signals": []}
        return {**at, **frames, "state": "pending", "error": None}

    def _all_there(self, session: Any, work: Segment) -> bool:
        return {seq for seq, *_ in work.windows} <= windows.seqs(session, work.job_id, pass_=0)

    def _answer(self, work: Window, detections: list[Any], gaps: list[Any]) -> None:
        values = {"state": "done", "detections": detections, "gaps": gaps, "error": None}
        if self._write(work, lambda session: settling.close(session, work, **values)):
            self.answers[work.id] = detections

    def _pay(self, session: Any, work: Window) -> None:
        row = leases.hold(session, work)
        budgets.settle(session, row, cost_usd=row.cost_usd - row.uncertain_usd + COST, uncertain_usd=row.uncertain_usd)


@pytest.fixture
def world(sessions: Sessions, settings: Settings) -> Iterator[World]:
    runtime = make_runtime(settings.model_copy(update={"max_attempts": 3, "outage_backoff": timedelta(milliseconds=1)}))
    yield World(sessions, replace(runtime, ring=lambda *_: None), settings, rows.workspace(sessions))
    runtime.sessions.engine.dispose()


def test_a_job_is_always_what_it_says_and_always_ends(world: World) -> None:
    run_state_machine_as_test(
        lambda: JobMachine(world),
        settings=settings(
            max_examples=EXAMPLES or 14,
            stateful_step_count=40,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
