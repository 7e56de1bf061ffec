"""Messages that come too often, and messages that never come."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import psycopg
import redis
from celery import Celery
from kombu.exceptions import KombuError
from pydantic import SecretStr

from core.broker import connect
from core.queue import LOCALIZE, PLAN, ROUTES, SAMPLE, broker_config
from core.settings import Settings
from tests.chaos.stack import Stack

QUEUES: Mapping[str, str] = {"plans": PLAN, "segments": SAMPLE, "windows": LOCALIZE}
"""Table of work -> the task that its rows are rung for with."""


def broker(stack: Stack) -> "AbstractContextManager[redis.Redis]":
    return connect(_settings(stack), timeout_s=2)


def repeat(stack: Stack, table: str, *, times: int) -> bool:
    """Ring for the row that was written last, and for one that is done; False where that can't be."""
    states = ("'pending', 'running'", "'done'")
    query = " UNION ALL ".join(f"(SELECT id FROM {table} WHERE state IN ({state}) ORDER BY id DESC LIMIT 1)" for state in states)
    try:
        with psycopg.connect(stack.database_url, connect_timeout=2) as connection:
            rows = connection.execute(query).fetchall()
        with Celery("chaos", set_as_current=False) as app:
            app.conf.update(broker_config(_settings(stack)))
            for (row_id,) in rows:
                for _ in range(times):
                    app.send_task(QUEUES[table], args=[str(row_id)], queue=ROUTES[QUEUES[table]], retry=False)
    except (psycopg.Error, OSError, KombuError):
        return False
    return bool(rows)


def drop(stack: Stack, table: str) -> bool:
    """Take away whatever waits for a kind of worker; False where nothing does."""
    try:
        with broker(stack) as connection:
            return bool(connection.delete(ROUTES[QUEUES[table]]))
    except redis.RedisError:
        return False


def _settings(stack: Stack) -> Settings:
    return Settings(redis_url=SecretStr(stack.broker_url), database_url=SecretStr(stack.database_url))
