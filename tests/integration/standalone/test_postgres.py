import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from standalone.part import await_ready, running, start
from standalone.postgres import Postgres, postgres
from standalone.processes import CannotStart, Leash


def test_a_new_server_takes_its_password_only(tmp_path: Path) -> None:
    with postgres(tmp_path, fsync=False) as server:
        url = server.url("postgres")
        wrong = url.replace(url.split(":")[2].split("@")[0], "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert (tmp_path / "postgres-password").stat().st_mode & 0o777 == 0o600


def test_a_copied_database_holds_what_its_template_holds(tmp_path: Path) -> None:
    with postgres(tmp_path, fsync=False) as server:
        execute(server.create("template"), "CREATE TABLE word AS SELECT 'ÉCLAIR' AS text")
        copy = server.create("copy", template="template")
        assert execute(copy, "SELECT lower(text) FROM word") == [("éclair",)]
        server.drop("copy")
        assert not server.has("copy")


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    with running(server, tmp_path) as process:
        execute(server.create("kept"), "CREATE TABLE word AS SELECT 'here' AS text")
        process.signal(signal.SIGKILL)
        assert process.wait(10)
    with postgres(tmp_path) as again:
        assert execute(again.url("kept"), "SELECT text FROM word") == [("here",)]


def test_a_pid_file_whose_number_belongs_to_somebody_else_by_now_keeps_nobody_from_starting(tmp_path: Path) -> None:
    server = Postgres(tmp_path, fsync=False)
    with running(server, tmp_path) as process:
        process.signal(signal.SIGKILL)
        assert process.wait(10)
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    _, *rest = pid_file.read_text().split("\n")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *rest]))
        with postgres(tmp_path, fsync=False) as again:
            assert again.is_ready()
        assert bystander.poll() is None


def test_it_starts_when_a_backend_of_the_killed_server_is_still_at_work(tmp_path: Path) -> None:
    server = Postgres(tmp_path, fsync=False)
    with Leash() as leash:
        process = start(server, leash, tmp_path)
        await_ready((server, process))
        busy = psycopg.connect(server.url("postgres"))
        # A computation that waits for nothing: it does not see that the server is gone.
        busy.pgconn.send_query(
            b"DO $$ DECLARE until timestamptz := clock_timestamp() + '2 s'; BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$"
        )
        os.kill(process.pid, signal.SIGKILL)
        busy.pgconn.finish()
    with postgres(tmp_path, fsync=False) as again:
        assert again.is_ready()


def test_a_cluster_of_another_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    with postgres(tmp_path, fsync=False):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart, match=r"made by Postgres 17, and .* holds 18"):
        Postgres(tmp_path).prepare()


def test_a_directory_without_binaries_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=f"There are no Postgres binaries that run in {tmp_path}"):
        Postgres(tmp_path, binaries=tmp_path).prepare()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
