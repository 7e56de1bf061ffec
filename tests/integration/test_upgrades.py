"""Migrations run while the release before still serves: what that release uses stays as it is, and nobody waits for long."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Engine, MetaData, Table, text

from core.settings import Settings
from db.session import Sessions, make_engine
from db.upgrade import ROOT, upgrade
from standalone.postgres import Postgres
from tests.conftest import serving
from tests.integration.test_uploads import MP4
from tests.polling import wait_until

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.add_column("videos", sa.Column("language", sa.Text()))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.create_table("labels", sa.Column("id", sa.Uuid(), primary_key=True))
"""


@pytest.fixture
def empty(postgres_server: Postgres, settings: Settings) -> Iterator[Sessions]:
    url = postgres_server.create("upgraded")
    made = Sessions(make_engine(settings.model_copy(update={"database_url": SecretStr(url)})))
    yield made
    made.engine.dispose()
    postgres_server.drop("upgraded")


def schema(engine: Engine) -> MetaData:
    found = MetaData()
    found.reflect(engine)
    return found


def broken(before: MetaData, after: MetaData) -> list[str]:
    """What of the schema before its release can no longer read or write as it did."""
    gone = [name for name in before.tables if name not in after.tables]
    kept = [(table, after.tables[name]) for name, table in before.tables.items() if name not in gone]
    return gone + [trouble for pair in kept for trouble in _in_table(*pair)]


def _in_table(before: Table, after: Table) -> Iterator[str]:
    for column in before.columns:
        now = after.columns.get(column.name)
        if now is None:
            yield f"{column} is gone"
        elif str(now.type) != str(column.type):
            yield f"{column} was {column.type}, and is {now.type}"
        elif column.nullable and not now.nullable:
            yield f"{column} must not be null any more"
    for column in after.columns:
        if column.name not in before.columns and not (column.nullable or column.server_default or column.computed):
            yield f"{column} is new, and whoever does not know it can't insert"


def test_no_migration_takes_away_what_the_release_before_uses(empty: Sessions) -> None:
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    before = None
    for script in reversed(list(scripts.walk_revisions())):
        upgrade(empty, revision=script.revision)
        after = schema(empty.engine)
        assert before is None or broken(before, after) == [], script.path
        before = after


@pytest.mark.parametrize(
    ("change", "breaks"),
    [
        ("ALTER TABLE videos ADD COLUMN language text", False),
        ("ALTER TABLE videos ADD COLUMN language text NOT NULL DEFAULT 'en'", False),
        ("CREATE TABLE labels (id uuid PRIMARY KEY)", False),
        ("ALTER TABLE videos ALTER COLUMN sha256 DROP NOT NULL", False),
        ("ALTER TABLE videos ADD COLUMN language text NOT NULL", True),
        ("ALTER TABLE videos RENAME COLUMN title TO name", True),
        ("ALTER TABLE videos ALTER COLUMN title SET NOT NULL", True),
        ("ALTER TABLE videos ALTER COLUMN width TYPE bigint", True),
        ("DROP TABLE heartbeats", True),
    ],
)
def test_what_would_break_the_release_before_is_told(sessions: Sessions, change: str, breaks: bool) -> None:
    before = schema(sessions.engine)
    with sessions.begin() as session:
        session.execute(text(change))
    assert bool(broken(before, schema(sessions.engine))) is breaks


def test_the_release_before_serves_while_a_migration_runs_and_after_it(
    sessions: Sessions, settings: Settings, api_key: str, tmp_path: Path
) -> None:
    scripts = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    [head] = ScriptDirectory(str(scripts)).get_heads()
    (scripts / "versions" / "next.py").write_text(NEXT.format(head=head))
    statuses: list[int] = []
    over = threading.Event()

    def go_on(url: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "video/mp4"}
        with httpx.Client(base_url=url, headers=headers, timeout=20) as client:
            while not over.is_set():
                answers = client.post("/v1/videos", content=MP4), client.get("/v1/jobs"), client.get("/v1/videos")
                statuses.extend(answer.status_code for answer in answers)

    with serving(settings) as url:
        crowd = threading.Thread(target=go_on, args=(url,))
        crowd.start()
        try:
            wait_until(lambda: len(statuses) > 10, "the first answers")
            upgrade(sessions, migrations=scripts)
            answered = len(statuses)
            wait_until(lambda: len(statuses) > answered + 10, "answers on the new schema")
        finally:
            over.set()
            crowd.join()
    assert set(statuses) == {200, 202}
    with sessions.begin() as session:
        assert session.scalar(text("SELECT count(*) > 0 FROM jobs WHERE priority = 0"))


def test_the_indexes_that_are_made_by_hand_before_are_the_ones_of_the_migration() -> None:
    migrations = ScriptDirectory(str(ROOT / "migrations"))
    made = migrations.get_revision("0011").module.NEW | migrations.get_revision("0014").module.NEW
    told = (ROOT / "docs" / "operations.md").read_text()
    for name, definition in made.items():
        assert f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON events {definition};\n" in told
