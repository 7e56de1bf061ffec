"""Who is alive. Remote control is off, so a worker says so in a row."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Heartbeat

FRESH = timedelta(seconds=30)
"""A part not heard of for this long counts as away."""


def beat(session: Session, *, part: str, node: str, note: dict[str, Any] | None = None) -> None:
    """Say that a part is alive; rows of processes long gone are swept out on the way."""
    now = func.clock_timestamp()
    row = insert(Heartbeat).values(part=part, node=node, seen_at=now, note=note)
    session.execute(row.on_conflict_do_update(index_elements=["part", "node"], set_={"seen_at": now, "note": note}))
    session.execute(delete(Heartbeat).where(Heartbeat.part == part, Heartbeat.seen_at < now - timedelta(days=1)))


def alive(session: Session) -> dict[str, datetime]:
    """Part -> when any process of it was heard of last, for those heard of lately."""
    rows = session.execute(
        select(Heartbeat.part, func.max(Heartbeat.seen_at))
        .where(Heartbeat.seen_at > func.clock_timestamp() - FRESH)
        .group_by(Heartbeat.part)
    )
    return {part: seen for part, seen in rows}  # noqa: C416 - a Row is no tuple to mypy


def is_fresh(session: Session, *, part: str, within: timedelta) -> bool:
    """Whether any process of a part was heard of so lately."""
    seen = select(Heartbeat.seen_at).where(Heartbeat.part == part, Heartbeat.seen_at > func.clock_timestamp() - within)
    return session.scalar(select(seen.exists())) or False


def forget(session: Session, *, part: str, node: str) -> None:
    """A process that stops in good order is away at once."""
    session.execute(delete(Heartbeat).where(Heartbeat.part == part, Heartbeat.node == node))


def forget_host(session: Session, *, part: str, host: str) -> None:
    """What was said by earlier processes of a part on a host; `node` is `host:pid`."""
    session.execute(delete(Heartbeat).where(Heartbeat.part == part, Heartbeat.node.startswith(f"{host}:", autoescape=True)))


def forget_everybody(session: Session) -> None:
    session.execute(delete(Heartbeat))
