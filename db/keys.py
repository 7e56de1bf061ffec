"""API keys: `python -m db.keys create --name NAME --scope read ...` prints a new one; it is shown this once."""

import argparse
import hashlib
import secrets
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.configuration import read
from core.errors import DatabaseUnavailable
from core.settings import Settings
from db.models import ApiKey, Workspace
from db.session import Sessions, make_engine

SCOPES = ("read", "write", "admin")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def create(session: Session, *, name: str, scopes: list[str], workspace: str = "default") -> str:
    """A new key for a workspace, which is made if need be. What is returned is stored nowhere."""
    key = f"ph_{secrets.token_urlsafe(32)}"
    session.execute(insert(Workspace).values(name=workspace).on_conflict_do_nothing())
    workspace_id = session.scalars(select(Workspace.id).where(Workspace.name == workspace)).one()
    session.add(ApiKey(workspace_id=workspace_id, name=name, sha256=_digest(key), scopes=scopes))
    return key


def find(session: Session, key: str) -> ApiKey | None:
    """The valid key that this is; None for one unknown, expired or revoked."""
    return session.scalars(
        select(ApiKey).where(
            ApiKey.sha256 == _digest(key),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.clock_timestamp()),
        )
    ).one_or_none()


def touch(session: Session, key: ApiKey) -> None:
    """Note that a key was used, once a minute at the most, so that reading stays reading."""
    if key.last_used_at is None or datetime.now(UTC) - key.last_used_at > timedelta(minutes=1):
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=func.clock_timestamp()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m db.keys", description="Make and check API keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("create", help="print a new key; it can't be shown again")
    making.add_argument("--name", required=True, help="what the key is for")
    making.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given more than once")
    making.add_argument("--workspace", default="default", help="made if there is none of that name (default: %(default)s)")
    commands.add_parser("verify", help="read a key from standard input; exit 0 if it is valid")
    arguments = parser.parse_args()
    sessions = Sessions(make_engine(read(Settings)))
    try:
        if arguments.command == "create":
            print(sessions.run(lambda session: create(session, name=arguments.name, scopes=arguments.scope, workspace=arguments.workspace)))
        else:
            key = sys.stdin.read().strip()
            sys.exit(0 if sessions.run(lambda session: find(session, key)) else 1)
    except DatabaseUnavailable as error:
        sys.exit(error.detail)


if __name__ == "__main__":
    main()
