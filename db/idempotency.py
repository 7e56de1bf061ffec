"""Requests that may be repeated: who is carrying one out, and what it was answered.

Whoever carries a request out holds its key under a lease, and writes the answer in the transaction that has the effect, while the key is
still its own: so there is either both or neither, and once. All times are the database's clock.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import IdempotencyKey as Row

EXPIRED_AT_ONCE = 1000


class Held(NamedTuple):
    """A key that a request holds, until another has another token."""

    api_key_id: UUID
    key: str
    token: UUID


class Answer(NamedTuple):
    """What was answered, to what was sent; see `db.models.IdempotencyKey`."""

    sent: bytes
    sent_bytes: int | None
    status: int
    answer: bytes


def claim(session: Session, api_key_id: UUID, key: str, *, asked: bytes, lease: timedelta, kept: timedelta) -> Held | None:
    """Take a key that is new, or whose request died or was answered long ago. None: not to be had; `find` says why."""
    now = func.clock_timestamp()
    new = insert(Row).values(
        api_key_id=api_key_id, key=key, asked=asked, lease_token=uuid4(), lease_until=now + lease, expires_at=now + kept
    )
    empty = dict.fromkeys(Answer._fields)
    given = {column: new.excluded[column] for column in ("asked", "lease_token", "lease_until", "expires_at")}
    free = and_(Row.lease_until < now, or_(Row.status.is_(None), Row.expires_at < now))
    taken = new.on_conflict_do_update(index_elements=["api_key_id", "key"], set_={**empty, **given}, where=free)
    token = session.scalar(taken.returning(Row.lease_token))
    return None if token is None else Held(api_key_id, key, token)


def find(session: Session, api_key_id: UUID, key: str) -> tuple[Row, float] | None:
    """What is known of a key, and for how many seconds its lease still lasts; None: nothing, by now."""
    left_s = func.extract("epoch", Row.lease_until - func.clock_timestamp())
    found = session.execute(select(Row, left_s).where(Row.api_key_id == api_key_id, Row.key == key)).one_or_none()
    return None if found is None else (found[0], float(found[1]))


def _is(held: Held) -> ColumnElement[bool]:
    return and_(Row.api_key_id == held.api_key_id, Row.key == held.key, Row.lease_token == held.token)


def renew(session: Session, held: Held, *, lease: timedelta) -> bool:
    """Hold on to a key; False: somebody else has it."""
    renewed = update(Row).where(_is(held)).values(lease_until=func.clock_timestamp() + lease)
    return session.execute(renewed.returning(Row.key)).first() is not None


def keep(session: Session, held: Held, answer: Answer, *, kept: timedelta) -> bool:
    """Keep the answer, in the transaction that it tells of; False: somebody else has the key, and nothing must come of that transaction.

    Until it ends whoever asks for the key waits. Safe to run twice.
    """
    answered = update(Row).where(_is(held)).values(**answer._asdict(), expires_at=func.clock_timestamp() + kept)
    return session.execute(answered.returning(Row.key)).first() is not None


def release(session: Session, held: Held) -> None:
    """Let others try, unless an answer is kept: a commit that seemed to fail may have happened."""
    session.execute(delete(Row).where(_is(held), Row.status.is_(None)))


def expire(session: Session) -> None:
    """Forget answers that were kept for long enough, and requests that died."""
    now = func.clock_timestamp()
    place = tuple_(Row.api_key_id, Row.key)
    over = select(Row.api_key_id, Row.key).where(Row.expires_at < now, Row.lease_until < now).limit(EXPIRED_AT_ONCE)
    session.execute(delete(Row).where(place.in_(over.with_for_update(skip_locked=True))))
