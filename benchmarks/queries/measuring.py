"""How long the database takes for what the product's own functions send it, and by which plan."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg.errors import Diagnostic
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from benchmarks.queries.questions import Question
from db import events
from db.session import Sessions

LIMIT = 100

EXPLAINING = (
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_buffers = on",
    "auto_explain.log_parameter_max_length = 40",
    "client_min_messages = log",
)


@dataclass
class Clock:
    """Times statements from their sending until all of their rows are there."""

    started: float = 0.0
    took_s: float = 0.0
    timed_out: bool = False

    @contextmanager
    def listening(self, engine: Engine) -> Iterator["Clock"]:
        def before(*_: Any) -> None:
            self.started = time.perf_counter()

        def after(*_: Any) -> None:
            self.took_s += time.perf_counter() - self.started

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
    time-out; and the plans of the statements of the slowest that did not, as the database took them.
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
    """Each question three times, by `db.events.page`, on one connection, as the API reads: without a transaction, whose end by a rollback
    would forget the statements that are prepared after a while. What counts is the better of the last two, when all that it needs is in
    memory: what else the machine did meanwhile is not the query's.
    """
    with Sessions(engine).look() as connection:
        first = [_asked(connection, engine, question) for question in questions]
        again = [[_asked(connection, engine, question) for question in questions] for _ in range(2)]
        warm = [min(pair, key=lambda clock: (clock.timed_out, clock.took_s)) for pair in zip(*again, strict=True)]
        timed_out = sum(clock.timed_out for clock in warm)
        answered = [pair for pair in zip(warm, questions, strict=True) if not pair[0].timed_out]
        slowest = max(answered, key=lambda pair: pair[0].took_s, default=None)
        plan = _explained(connection, engine, slowest[1]) if slowest else ""
    times, first_times = (sorted(1000 * clock.took_s for clock in asked) for asked in (warm, first))
    return Measured(_at(times, 50), _at(times, 99), _at(first_times, 99), timed_out, plan)


def _at(times: Sequence[float], percent: int) -> float:
    """The least that so many of a hundred do not exceed."""
    return times[-(-len(times) * percent // 100) - 1]


def _asked(connection: Connection, engine: Engine, question: Question) -> Clock:
    with Clock().listening(engine) as clock:
        try:
            events.page(connection, question.wanted, sort=question.sort, limit=LIMIT, cursor=question.cursor)
        except OperationalError:
            clock.took_s, clock.timed_out = clock.took_s + time.perf_counter() - clock.started, True
    return clock


def _explained(connection: Connection, engine: Engine, question: Question) -> str:
    """Asks once more. `EXPLAIN` itself would show the plan for these parameters, and a prepared statement may have one for any."""
    plans: list[str] = []

    def keep(notice: Diagnostic) -> None:
        _, _, told = (notice.message_primary or "").partition("Query Parameters: ")
        plans.append(told)

    driver = connection.connection.driver_connection
    assert driver is not None
    driver.add_notice_handler(keep)
    connection.execute(text("LOAD 'auto_explain'"))
    for setting in EXPLAINING:
        connection.execute(text(f"SET {setting}"))
    _asked(connection, engine, question)
    connection.execute(text("SET auto_explain.log_min_duration = -1"))
    driver.remove_notice_handler(keep)
    return "\n".join(plans)
