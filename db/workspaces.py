"""Workspaces: whose data is whose. They are the operator's: `python -m db.workspaces` makes and lists them."""

import argparse
import sys

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.configuration import read
from core.errors import PlayheadError
from core.settings import Settings
from db.models import ApiKey, Video, Workspace
from db.session import Sessions, make_engine

DEFAULT = "default"


def named(session: Session, name: str) -> Workspace:
    """The workspace of this name, made if need be."""
    session.execute(insert(Workspace).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(Workspace).where(Workspace.name == name)).one()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m db.workspaces", description="Make and list workspaces, which see nothing of each other."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("create", help="print the id of the workspace of this name, made if need be")
    making.add_argument("name")
    commands.add_parser("list", help="print all of them, one a line")
    arguments = parser.parse_args()
    sessions = Sessions(make_engine(read(Settings)))
    try:
        print(
            *sessions.run(lambda session: [named(session, arguments.name).id] if arguments.command == "create" else _lines(session)),
            sep="\n",
        )
    except PlayheadError as error:
        sys.exit(error.detail)


def _lines(session: Session) -> list[str]:
    keys = select(func.count()).where(ApiKey.workspace_id == Workspace.id, ApiKey.revoked_at.is_(None)).scalar_subquery()
    videos = select(func.count()).where(Video.workspace_id == Workspace.id).scalar_subquery()
    stored = select(func.coalesce(func.sum(Video.bytes), 0)).where(Video.workspace_id == Workspace.id).scalar_subquery()
    rows = session.execute(select(Workspace.id, Workspace.name, keys, videos, stored).order_by(Workspace.id))
    return ["id\tname\tkeys\tvideos\tbytes", *("\t".join(map(str, row)) for row in rows)]


if __name__ == "__main__":
    main()
