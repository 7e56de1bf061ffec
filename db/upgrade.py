"""`python -m db.upgrade`: bring the database to the newest version; waits a minute for a database that is still starting."""

from pathlib import Path

import stamina
from alembic import command
from alembic.config import Config

from core.configuration import read
from core.errors import DatabaseUnavailable
from core.settings import Settings
from db import heartbeats
from db.session import Sessions, make_engine

ROOT = Path(__file__).parent.parent


def upgrade(sessions: Sessions, *, revision: str = "head", migrations: Path = ROOT / "migrations") -> None:
    """Run the migrations that are missing, in one transaction. Raises `DatabaseUnavailable`, also where a lock can't be had in 5 s."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(migrations))
    with sessions.begin() as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, revision)


def main() -> None:
    sessions = Sessions(make_engine(read(Settings)))
    for attempt in stamina.retry_context(on=DatabaseUnavailable, attempts=None, timeout=60, wait_max=2):
        with attempt:
            upgrade(sessions)
            with sessions.begin() as session:
                heartbeats.forget_everybody(session)  # those who live say so again in seconds; the dead are not taken for ready


if __name__ == "__main__":
    main()
