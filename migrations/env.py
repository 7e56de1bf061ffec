"""Alembic's entry: uses the connection handed in by `db.upgrade`, or opens one by the settings (`alembic revision --autogenerate`)."""

from alembic import context
from sqlalchemy import Connection, text

from core.settings import Settings
from db.models import Base
from db.session import make_engine


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        # A migration that can't get its lock must fail, not queue everybody behind itself; one that works may take its time.
        connection.execute(text("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '15min'"))
        context.run_migrations()


if (handed := context.config.attributes.get("connection")) is not None:
    run(handed)
else:
    with make_engine(Settings()).begin() as opened:
        run(opened)
