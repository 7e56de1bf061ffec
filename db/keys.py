"""API keys: what is known of them, never the keys themselves. `python -m db.keys` makes, lists, revokes and checks them."""

import argparse
import hashlib
import secrets
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, func, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from core.configuration import read
from core.errors import Conflict, NotFound, PlayheadError, Unprocessable
from core.settings import Settings
from db import workspaces
from db.models import ApiKey, Workspace
from db.pages import Page, decode, encode
from db.session import Sessions, make_engine
from db.videos import as_id

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")

PREFIX_LENGTH = 9
"""Of a key, `ph_` included: enough to tell keys apart, and of the 43 characters that follow `ph_` far too few to guess the rest."""

USED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a key was last used: more often would make a write of each read."""


LIMITS = ("max_requests_a_minute", "max_uploads_a_day", "max_jobs_a_day")
"""Columns of a key that stand for the settings of the same names where they are not null; 0 is no limit."""


class Issued(NamedTuple):
    """A new key, and what is stored of it."""

    row: ApiKey
    key: str


class Valid(NamedTuple):
    """A valid key, and how long it still is; None: until it is revoked."""

    key: ApiKey
    left: timedelta | None


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def issue(session: Session, workspace_id: UUID, *, name: str, scopes: Iterable[Scope], expires_at: datetime | None = None) -> Issued:
    """A new key for a workspace. Raises `Unprocessable` for one that would have expired already."""
    _refuse_past(session, expires_at)
    key = f"ph_{secrets.token_urlsafe(32)}"
    granted = [scope for scope in SCOPES if scope in set(scopes)]
    row = ApiKey(
        workspace_id=workspace_id, name=name, sha256=digest(key), prefix=key[:PREFIX_LENGTH], scopes=granted, expires_at=expires_at
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return Issued(row, key)


def create(
    session: Session, *, name: str, scopes: Iterable[Scope], workspace: str = workspaces.DEFAULT, expires_at: datetime | None = None
) -> str:
    """A new key for a workspace, which is made if need be. What is returned is stored nowhere."""
    return issue(session, workspaces.named(session, workspace).id, name=name, scopes=scopes, expires_at=expires_at).key


def admit(session: Session, key: str) -> Valid | None:
    """The valid key that this is, noted as used now; None for one unknown, expired or revoked."""
    lately = ApiKey.last_used_at > func.clock_timestamp() - USED_EVERY
    asked = select(ApiKey, func.coalesce(lately, False), type_coerce(ApiKey.expires_at - func.clock_timestamp(), Interval))
    found = session.execute(asked.where(ApiKey.sha256 == digest(key), is_valid())).one_or_none()
    if found is None:
        return None
    row, noted, left = found
    if not noted:
        session.execute(update(ApiKey).where(ApiKey.id == row.id).values(last_used_at=func.clock_timestamp()))
    return Valid(row, left)


def find(session: Session, key: str) -> ApiKey | None:
    """The same, however long it is valid."""
    found = admit(session, key)
    return found.key if found else None


def is_valid() -> ColumnElement[bool]:
    """Neither revoked nor expired, by the database's clock."""
    return ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.clock_timestamp())


def get(session: Session, workspace_id: UUID, key_id: UUID) -> ApiKey:
    """Raises `NotFound`, also for another workspace's key."""
    row = session.scalars(select(ApiKey).where(ApiKey.id == key_id, ApiKey.workspace_id == workspace_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no API key {key_id}.")
    return row


def page(session: Session, workspace_id: UUID, *, limit: int, cursor: str | None) -> Page[ApiKey]:
    """Newest first, those that are no longer valid too."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(ApiKey.id < as_id(decode(cursor, sort="-id", places=1)[0]))
    rows = list(session.scalars(query))
    return Page(rows[:limit], encode("-id", [str(rows[limit - 1].id)]) if len(rows) > limit else None)


def change(session: Session, row: ApiKey, **values: object) -> None:
    """Another name, other scopes, another expiry. Raises `Conflict` where it is revoked, `Unprocessable` for an expiry in the past."""
    if row.revoked_at is not None:
        raise Conflict("This API key is revoked, which is for good; create another one.")
    if "expires_at" in values:
        _refuse_past(session, values["expires_at"])
    for name, value in values.items():
        setattr(row, name, value)


def revoke(session: Session, row: ApiKey) -> None:
    """For good. What was revoked stays as it was."""
    session.execute(update(ApiKey).where(ApiKey.id == row.id, ApiKey.revoked_at.is_(None)).values(revoked_at=func.clock_timestamp()))


def _refuse_past(session: Session, expires_at: object) -> None:
    if expires_at is not None and not session.scalar(select(func.clock_timestamp() < expires_at)):
        raise Unprocessable("This is in the past; to end a key now, revoke it.", field="expires_at")


def main(given: list[str] | None = None) -> None:
    """`given` are the arguments; this process's unless told."""
    arguments = _arguments(given)
    sessions = Sessions(make_engine(read(Settings)))
    try:
        sys.exit(sessions.run(lambda session: _COMMANDS[arguments.command](session, arguments)))
    except PlayheadError as error:
        sys.exit(error.detail)
    finally:
        sessions.engine.dispose()


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m db.keys", description="Make, list, revoke and check API keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("create", help="print a new key; it can't be shown again")
    making.add_argument("--name", required=True, help="what the key is for")
    making.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given more than once")
    making.add_argument("--workspace", default=workspaces.DEFAULT, help="one that there is, or `%(default)s`, which is made if need be")
    making.add_argument("--days", type=float, help="how long it is valid (default: until it is revoked)")
    listing = commands.add_parser("list", help="print what is known of all keys, one a line")
    listing.add_argument("--workspace", help="only those of this one")
    limiting = commands.add_parser("limit", help="give a key limits of its own; what is left out becomes the server's")
    limiting.add_argument("id", type=UUID, help="as `list` prints it")
    for name in LIMITS:
        limiting.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help="0: no limit")
    revoking = commands.add_parser("revoke", help="end a key for good")
    revoking.add_argument("id", type=UUID, help="as `list` prints it")
    commands.add_parser("verify", help="read a key from standard input; exit 0 if it is valid")
    return parser.parse_args(given)


def _create(session: Session, arguments: argparse.Namespace) -> None:
    if arguments.workspace != workspaces.DEFAULT:
        workspaces.get(session, arguments.workspace)
    now = session.scalar(select(func.clock_timestamp())) if arguments.days is not None else None
    expires_at = now and now + timedelta(days=arguments.days)
    print(create(session, name=arguments.name, scopes=arguments.scope, workspace=arguments.workspace, expires_at=expires_at))


def _list(session: Session, arguments: argparse.Namespace) -> None:
    query = select(ApiKey, Workspace.name, is_valid()).join(Workspace, Workspace.id == ApiKey.workspace_id).order_by(ApiKey.id)
    if arguments.workspace is not None:
        query = query.where(Workspace.name == arguments.workspace)
    print("id", "prefix", "workspace", "name", "scopes", "valid", "last used", "expires", sep="\t")
    for row, workspace, valid in session.execute(query):
        times = (time.isoformat(timespec="seconds") if time else "never" for time in (row.last_used_at, row.expires_at))
        print(row.id, row.prefix or "", workspace, row.name, ",".join(row.scopes), "yes" if valid else "no", *times, sep="\t")


def _limit(session: Session, arguments: argparse.Namespace) -> None:
    row = _any(session, arguments.id)
    for name in LIMITS:
        setattr(row, name, getattr(arguments, name))


def _revoke(session: Session, arguments: argparse.Namespace) -> None:
    revoke(session, _any(session, arguments.id))


def _any(session: Session, key_id: UUID) -> ApiKey:
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFound(f"There is no API key {key_id}.")
    return row


def _verify(session: Session, _: argparse.Namespace) -> int:
    return 0 if find(session, sys.stdin.read().strip()) else 1


_COMMANDS = {"create": _create, "list": _list, "limit": _limit, "revoke": _revoke, "verify": _verify}

if __name__ == "__main__":
    main()
