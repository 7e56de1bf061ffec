"""The migrations make what the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from core.settings import Settings
from db.models import Base
from db.session import Sessions, make_engine
from db.upgrade import upgrade
from standalone.postgres import Postgres


def test_autogenerate_finds_nothing_to_add(sessions: Sessions) -> None:
    with sessions.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_from_empty_makes_every_table_and_twice_changes_nothing(postgres_server: Postgres, settings: Settings) -> None:
    url = postgres_server.create("empty")
    sessions = Sessions(make_engine(settings.model_copy(update={"database_url": type(settings.database_url)(url)})))
    upgrade(sessions)
    upgrade(sessions)
    tables = set(inspect(sessions.engine).get_table_names())
    sessions.engine.dispose()
    postgres_server.drop("empty")
    assert tables == {*Base.metadata.tables, "alembic_version"}
