"""How long the database takes for what the product's own functions send it, and by which plan."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from benchmarks.queries.questions import Question
from db import events

LIMIT = 100


@dataclass
class Clock:
    """Times statements from their sending until all of their rows are there, and keeps the slowest."""

    started: float = 0.0
    took_s: float = 0.0
    slowest_s: float = 0.0
    statement: str = ""
    parameters: Any = None

    @contextmanager
    def listening(self, engine: Engine) -> Iterator["Clock"]:
        def before(*_: Any) -> None:
            self.started = time.perf_counter()

        def after(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            took_s = time.perf_counter() - self.started
            self.took_s += took_s
            if took_s > self.slowest_s:
                self.slowest_s, self.statement, self.parameters = took_s, statement, parameters

        event.listen(engine, "before_cursor_execute", before)
        event.listen(engine, "after_cursor_execute", after)
        try:
            yield self
        finally:
            event.remove(engine, "before_cursor_execute", before)
            event.remove(engine, "after_cursor_execute", after)


@dataclass(frozen=True)
class Measured:
    """Milliseconds at the median, at 99 of 100, and at 99 of 100 when the same was asked for the first time; how many met the statement's
    time-out; and the plan of the slowest statement of the slowest that did not.
    """

    p50_ms: float
    p99_ms: float
    first_p99_ms: float
    timed_out: int
    plan: str

    @property
    def scans(self) -> bool:
        """Whether it reads the table from its beginning to its end."""
        return "Seq Scan on events" in self.plan


def measure(engine: Engine, questions: Sequence[Question]) -> Measured:
    """Each question three times, by `db.events.page`, on one connection, as in the API: statements are prepared after a while. What counts
    is the better of the last two, when all that it needs is in memory: what else the machine did meanwhile is not the query's.
    """
    with engine.connect() as connection:
        first = [_asked(connection, engine, question) for question in questions]
        again = [[_asked(connection, engine, question) for question in questions] for _ in range(2)]
        warm = [min(pair, key=lambda clock: (not clock.statement, clock.took_s)) for pair in zip(*again, strict=True)]
        answered = [clock for clock in warm if clock.statement]
        slowest = max(answered, key=lambda clock: clock.took_s, default=None)
        plan = _explained(connection, slowest.statement, slowest.parameters) if slowest else ""
    times, first_times = (sorted(1000 * clock.took_s for clock in asked) for asked in (warm, first))
    return Measured(_at(times, 50), _at(times, 99), _at(first_times, 99), len(warm) - len(answered), plan)


def _at(times: Sequence[float], percent: int) -> float:
    return times[min(len(times) - 1, len(times) * percent // 100)]


def _asked(connection: Connection, engine: Engine, question: Question) -> Clock:
    """Without a statement, if one took too long."""
    with Clock().listening(engine) as clock:
        try:
            events.page(connection, question.wanted, sort=question.sort, limit=LIMIT, cursor=question.cursor)
        except OperationalError:
            clock.took_s, clock.statement = clock.took_s + time.perf_counter() - clock.started, ""
        connection.rollback()
    return clock


def _explained(connection: Connection, statement: str, parameters: Any) -> str:
    try:
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters).scalars().all()
        return "\n".join(rows)
    except OperationalError as error:
        return str(error.orig)
    finally:
        connection.rollback()
