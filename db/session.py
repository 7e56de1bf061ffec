"""Connections and transactions. `with sessions.begin() as session:` is the only transaction there is; `look()` reads without one."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import stamina
from pydantic_core import from_json
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from core.errors import DatabaseUnavailable, NotFound, PlayheadError, StorageFull, Unprocessable
from core.settings import Settings

T = TypeVar("T")

TRANSIENT = ("08", "40001", "40P01", "53", "55P03", "57", "25P03", "58")
"""SQLSTATEs, or their first digits, after which the same transaction may work: connection, serialization, deadlock, resources,
lock and statement time-outs, shutdown, idle time-out, I/O."""


AT_REST_S = 1.0
"""A connection that nobody used for so long is tried before it is: its other end may be gone."""


def make_engine(settings: Settings) -> Engine:
    """An engine whose connections can hang on nothing: not on a lock, not on a statement, not on a host that vanished."""
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
    options = {
        "statement_timeout": int(settings.db_statement_timeout / timedelta(milliseconds=1)),
        "lock_timeout": 5000,
        "idle_in_transaction_session_timeout": 15000,
        "timezone": "UTC",
    }
    engine = create_engine(
        url,
        pool_size=settings.db_pool,
        max_overflow=0,
        pool_timeout=10,
        json_deserializer=from_json,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,  # keepalives don't run while what was sent is not confirmed
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    _try_what_was_at_rest(engine)
    return engine


def _try_what_was_at_rest(engine: Engine) -> None:
    """SQLAlchemy's own `pool_pre_ping` tries each connection each time: as long again as a query by a key takes."""

    @event.listens_for(engine, "checkin")
    def _came_to_rest(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _is_wanted(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) < AT_REST_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the pool opens another one


def translated(error: DBAPIError) -> PlayheadError | None:
    """The project's error for a driver's; None for a bug of ours."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "53100":
        return StorageFull("The database has no room left; make some on its disk. Nothing is lost.")
    if error.connection_invalidated or (not state and type(error).__name__ in {"OperationalError", "InterfaceError"}):
        return DatabaseUnavailable("The database is away; try again in a moment.", retry_after_s=2)
    if "tsquery stack too small" in str(error.orig):
        return Unprocessable("There are too many hyphens in a row to be understood as words.", field="q")
    if state == "23503":
        return NotFound("What this belongs to was deleted just now.")
    if state.startswith(TRANSIENT):
        return DatabaseUnavailable("The database is busy or restarting; try again in a moment.", retry_after_s=2)
    return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("Every database connection is busy; try again in a moment.", retry_after_s=2) from error
    except DBAPIError as error:
        if (known := translated(error)) is not None:
            raise known from error
        raise


class Sessions:
    """Makes transactions on one engine; translates the driver's errors on the way out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._make = sessionmaker(engine, expire_on_commit=False)
        self._look = engine.execution_options(isolation_level="AUTOCOMMIT").connect

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction: committed on leaving, rolled back on an exception.

        Raises `DatabaseUnavailable` or `StorageFull`. After a failure in the commit itself it is not known whether it happened.
        """
        with _translated(), self._make.begin() as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """To read: no transaction is begun and ended around it, which would take as long again. Each statement sees what is there then.

        Raises `DatabaseUnavailable`.
        """
        with _translated(), self._look() as connection:
            yield connection

    def run(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction, again while the database is away, for a minute at the most.

        `work` must be safe to run after a commit of itself whose answer was lost: every write of ours is fenced, so it is.
        """
        for attempt in stamina.retry_context(on=DatabaseUnavailable, attempts=None, timeout=60, wait_max=5):
            with attempt, self.begin() as session:
                return work(session)
        raise AssertionError("stamina raises when it gives up")
