"""Workspaces: whose data is whose. They are the operator's: `python -m db.workspaces` makes and lists them."""

import argparse
import sys

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.configuration import read
from core.errors import NotFound, PlayheadError
from core.settings import Settings
from db.models import ApiKey, Video, Workspace
from db.session import Sessions, make_engine

DEFAULT = "default"


def named(session: Session, name: str) -> Workspace:
    """The workspace of this name, made if need be."""
    session.execute(insert(Workspace).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(Workspace).where(Workspace.name == name)).one()


def get(session: Session, name: str) -> Workspace:
    """The workspace of this name. Raises `NotFound`."""
    found = session.scalars(select(Workspace).where(Workspace.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"There is no workspace {name}. Make it: `python -m db.workspaces create {name}`.")
    return found


LIMITS = ("max_open_jobs", "max_stored_bytes")
"""Columns of a workspace that stand for the settings of the same names where they are not null; 0 is no limit."""


def main(given: list[str] | None = None) -> None:
    """`given` are the arguments; this process's unless told."""
    parser = argparse.ArgumentParser(
        prog="python -m db.workspaces", description="Make and list workspaces, which see nothing of each other."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("create", help="print the id of the workspace of this name, made if need be")
    making.add_argument("name")
    commands.add_parser("list", help="print all of them, one a line")
    limiting = commands.add_parser("limit", help="give a workspace limits of its own; what is left out becomes the server's")
    limiting.add_argument("name")
    for name in LIMITS:
        limiting.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help="0: no limit")
    arguments = parser.parse_args(given)
    sessions = Sessions(make_engine(read(Settings)))
    try:
        print(*sessions.run(lambda session: _COMMANDS[arguments.command](session, arguments)), sep="\n")
    except PlayheadError as error:
        sys.exit(error.detail)
    finally:
        sessions.engine.dispose()


def _create(session: Session, arguments: argparse.Namespace) -> list[str]:
    return [str(named(session, arguments.name).id)]


def _limit(session: Session, arguments: argparse.Namespace) -> list[str]:
    workspace = get(session, arguments.name)
    for name in LIMITS:
        setattr(workspace, name, getattr(arguments, name))
    return [str(workspace.id)]


def _list(session: Session, _: argparse.Namespace) -> list[str]:
    keys = select(func.count()).where(ApiKey.workspace_id == Workspace.id, ApiKey.revoked_at.is_(None)).scalar_subquery()
    videos = select(func.count()).where(Video.workspace_id == Workspace.id).scalar_subquery()
    stored = select(func.coalesce(func.sum(Video.bytes), 0)).where(Video.workspace_id == Workspace.id).scalar_subquery()
    rows = session.execute(select(Workspace.id, Workspace.name, keys, videos, stored).order_by(Workspace.id))
    return ["id\tname\tkeys\tvideos\tbytes", *("\t".join(map(str, row)) for row in rows)]


_COMMANDS = {"create": _create, "limit": _limit, "list": _list}

if __name__ == "__main__":
    main()
