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

    def reset(self) -> None:
        self.took_s = self.slowest_s = 0.0

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
    """Milliseconds at the median and at 99 of 100, how many met the statement's time-out, and a plan: that of the slowest statement of the
    slowest that did not.
    """

    p50_ms: float
    p99_ms: float
    timed_out: int
    plan: str

    @property
    def scans(self) -> bool:
        """Whether it reads the table from its beginning to its end."""
        return "Seq Scan on events" in self.plan


def measure(engine: Engine, questions: Sequence[Question]) -> Measured:
    """Each question once, by `db.events.page`, on one connection, as in the API: statements are prepared after a while."""
    times, slowest, timed_out = [], (0.0, "", None), 0
    clock = Clock()
    with engine.connect() as connection:
        with clock.listening(engine):
            for question in questions:
                clock.reset()
                try:
                    events.page(connection, question.wanted, sort=question.sort, limit=LIMIT, cursor=question.cursor)
                    slowest = max(slowest, (clock.took_s, clock.statement, clock.parameters), key=lambda one: one[0])
                except OperationalError:
                    clock.took_s, timed_out = clock.took_s + time.perf_counter() - clock.started, timed_out + 1
                connection.rollback()
                times.append(1000 * clock.took_s)
        plan = _explained(connection, *slowest[1:]) if slowest[1] else ""
    times.sort()
    return Measured(times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)], timed_out, plan)


def _explained(connection: Connection, statement: str, parameters: Any) -> str:
    try:
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters).scalars().all()
        return "\n".join(rows)
    except OperationalError as error:
        return str(error.orig)
    finally:
        connection.rollback()
