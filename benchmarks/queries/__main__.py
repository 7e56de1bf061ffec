"""How fast events are found where there are many: `.venv/bin/python -m benchmarks.queries [--events 10_000_000]`.

Starts a Postgres of its own, fills it, and asks each documented query a few hundred times by the product's own functions: of one video, and
of a whole workspace; each question three times, and what counts is the better of the last two, from memory. At the end the same ones, with
nothing but a b-tree on `(video_id, start_ms)`, each in one statement. Exits with 1 where one of ours takes longer than 20 ms at 99 of 100.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Row, text

from benchmarks.queries.filling import fill, inserts_a_second, sizes
from benchmarks.queries.measuring import Measured, measure
from benchmarks.queries.questions import QUESTIONS, Known, drawn, known, of_video, of_workspace
from core.settings import Settings
from db import words
from db.filters import Filter, Match, Sort, found
from db.session import Sessions, make_engine
from db.upgrade import upgrade
from standalone.postgres import Postgres, postgres

SERVER = {"shared_buffers": "4GB", "effective_cache_size": "12GB", "max_wal_size": "16GB", "checkpoint_timeout": "1h"}
TARGET_MS = 20
PATIENCE = timedelta(seconds=10)
SCOPES: dict[str, Callable[[Known], Filter]] = {"video": of_video, "workspace": of_workspace}

PLAIN_TIMES = {"video": 9, "workspace": 1}
"""How often the plain b-tree is asked: for a workspace it takes seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=300, help="how often each query is asked")
    parser.add_argument("--only", default="", help="queries whose name matches this regular expression")
    parser.add_argument("--plans", action="store_true", help="print the plan of the slowest of each")
    parser.add_argument("--no-baseline", action="store_true", help="leave out the plain b-tree")
    parser.add_argument("--data", type=Path, help="a folder to keep the database in; what is in it already is asked again")
    asked = parser.parse_args()
    holder: AbstractContextManager[str] = nullcontext(str(asked.data)) if asked.data else tempfile.TemporaryDirectory()
    with holder as folder:
        with postgres(Path(folder), fsync=False) as server:
            configure(server)
        with postgres(Path(folder), fsync=False) as server:
            missed = run(server, asked)
    sys.exit(1 if missed else 0)


def configure(server: Postgres) -> None:
    """Memory as on a server that is there for its database."""
    engine = make_engine(Settings(database_url=SecretStr(server.url("postgres"))))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for name, value in SERVER.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
    engine.dispose()


def run(server: Postgres, asked: argparse.Namespace) -> list[str]:
    """The names of those that take too long."""
    is_new = not server.has("queries")
    url = server.create("queries") if is_new else server.url("queries")
    engine = make_engine(Settings(database_url=SecretStr(url), db_statement_timeout=PATIENCE))
    if is_new:
        upgrade(Sessions(engine))
        for line in fill(engine, asked.events):
            print(line, flush=True)
    for name, size in sizes(engine).items():
        print(f"{size / 2**20:9,.0f} MB {name}")
    print(f"{inserts_a_second(engine):9,.0f} events a second are inserted\n", flush=True)
    ours = dict(ask(engine, asked.only, dict.fromkeys(SCOPES, asked.times)))
    tell(ours, plans=asked.plans)
    if not asked.no_baseline:
        plainly(engine)
        for name, plain in ask(engine, asked.only, PLAIN_TIMES):
            times = f"{'>' if plain.timed_out else ''}{plain.p50_ms / ours[name].p50_ms:,.0f} times as long"
            print(f"{name:50} {plain.p50_ms:10,.1f} ms on the plain b-tree, {times}", flush=True)
    engine.dispose()
    return [name for name, one in ours.items() if one.p99_ms > TARGET_MS]


def ask(engine: Engine, only: str, times: Mapping[str, int]) -> Iterator[tuple[str, Measured]]:
    """Each query by its name; `times` is how often it is asked, by scope."""
    events = known(engine)
    for scope, whose in SCOPES.items():
        for name, draw in QUESTIONS.items():
            if re.search(only, f"{scope}: {name}"):
                yield f"{scope}: {name}", measure(engine, drawn(draw, whose, events, times[scope]))


def tell(found: dict[str, Measured], *, plans: bool) -> None:
    print(f"{'query':50} {'p50':>8} {'p99':>8} {'at first':>9}   index")
    for name, one in found.items():
        by = ", ".join(dict.fromkeys(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", one.plan)))
        missed = " MISSED" if one.p99_ms > TARGET_MS else ""
        print(
            f"{name:50} {one.p50_ms:8.2f} {one.p99_ms:8.2f} {one.first_p99_ms:9.2f}   {'SCANS THE TABLE' if one.scans else by}{missed}",
            flush=True,
        )
    if plans:
        for name, one in found.items():
            print(f"\n{name}\n{one.plan}")


def plainly(engine: Engine) -> None:
    """Nothing but a plain b-tree beside the primary key. Without an index of words it is of no use to ask for them slice by slice."""
    words.find = _in_one_statement  # type: ignore[assignment]
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        names = "SELECT indexname FROM pg_indexes WHERE tablename = 'events' AND indexname <> 'events_pkey'"
        for name in connection.execute(text(names)).scalars().all():
            connection.execute(text(f"DROP INDEX {name}"))
        connection.execute(text("CREATE INDEX events_plain ON events (video_id, start_ms)"))
        connection.execute(text("RESET ALL"))  # the pool keeps this connection


def _in_one_statement(connection: Connection, given: Mapping[str, Any], match: Match, sort: Sort) -> Sequence[Row[Any]]:
    return connection.execute(found(frozenset(given), match, sort), given).all()


if __name__ == "__main__":
    main()
