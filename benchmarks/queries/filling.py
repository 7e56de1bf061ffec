"""A database with many events, spread as events are: few large workspaces and videos and many small ones, few frequent types and words."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, count

from sqlalchemy import Connection, Engine, text

from db.models import Event

WORDS, PHRASES, TYPES, WORKSPACES = 50_000, 200_000, 60, 20
MEAN_EVENTS = 400
"""Of a video, about; the largest have a hundred times as many. No video has more than one a second, but for chance."""

BATCH, WRITERS = 100, 3
"""Videos whose events are written by one statement, and how many write at once."""

QUICKLY = ("maintenance_work_mem = '1GB'", "synchronous_commit = off", "statement_timeout = 0", "session_replication_role = replica")
"""Without checks of foreign keys, among others."""

PARENTS = (
    "INSERT INTO workspaces (id, name) SELECT gen_random_uuid(), 'workspace ' || n FROM generate_series(1, :workspaces) n",
    """
    INSERT INTO videos (id, workspace_id, blob_key, sha256, bytes, media_type, duration_ms, recorded_at)
    SELECT uuidv7(), workspaces.id, 'videos/' || n, '', 1, 'video/mp4',
           CASE WHEN random() < 0.1 THEN 3600000 + random() * 82800000 ELSE 60000 + random() * 3540000 END::bigint,
           CASE WHEN random() < 0.7 THEN timestamptz '2026-01-01' + random() * interval '300 days' END
    FROM (SELECT n, 'workspace ' || (1 + floor(power(random(), 2) * :workspaces)) AS name FROM generate_series(1, :videos) n) drawn
    JOIN workspaces USING (name)
    """,
    """
    INSERT INTO jobs (id, workspace_id, video_id, status, stage, request, deadline_at, completed_at)
    SELECT uuidv7(), workspace_id, id, 'succeeded', 'done', '{"analyzer": "model", "event_types": []}', now(), now() FROM videos
    """,
)

# Lengths: one in ten is an instant, most are seconds, one in a hundred lasts for minutes, one in a thousand for all of the video.
EVENTS = """
    INSERT INTO events (id, workspace_id, video_id, job_id, type, title, description, start_ms, end_ms, start_uncertainty_ms,
        end_uncertainty_ms, confidence, confidence_source, verification, evidence_pts_ms, evidence_window_id, attributes, source,
        provisional, recorded)
    SELECT gen_random_uuid(), workspace_id, video_id, job_id, 'type_' || kind, phrase.title, phrase.description, start_ms, end_ms, 500, 500,
        CASE WHEN sure < 0.3 THEN NULL ELSE round(sure::numeric, 2) END, CASE WHEN sure < 0.3 THEN NULL ELSE 'model' END,
        jsonb_build_object('status', CASE WHEN seen < 0.05 THEN 'rejected' WHEN seen < 0.4 THEN 'confirmed' ELSE 'unverified' END,
            'reason', NULL),
        start_ms, job_id, '{}', '{"analyzer": "model", "model": "m", "prompt_version": "7", "window_ids": []}', false,
        tstzrange(recorded_at + start_ms * interval '1 ms', recorded_at + end_ms * interval '1 ms')
    FROM (
        SELECT *, least(duration_ms, start_ms + CASE WHEN long < 0.1 THEN 1 WHEN long < 0.989 THEN 500 + power(random(), 3) * 60000
            WHEN long < 0.999 THEN 60000 + random() * 1800000 ELSE duration_ms END)::bigint AS end_ms
        FROM (
            SELECT workspace_id, video_id, jobs.id AS job_id, duration_ms, recorded_at,
                (random() * (duration_ms - 1))::bigint AS start_ms, random() AS long, random() AS sure, random() AS seen,
                floor(power(random(), 3) * :types)::int AS kind, 1 + floor(random() * :phrases)::int AS phrase_number
            FROM (
                SELECT id AS video_id, recorded_at, events, greatest(duration_ms, 1000 * events) AS duration_ms
                FROM videos,
                    LATERAL (SELECT (1 + (hashtext(id::text) & 1048575)) / 1048576.0 AS chance) drawn,
                    LATERAL (SELECT least(40000, 80 / power(chance, 0.85))::int AS events) counted
                ORDER BY id LIMIT :batch OFFSET :done
            ) filled JOIN jobs USING (video_id), generate_series(1, events)
        ) drawn
    ) timed JOIN phrases phrase ON phrase.number = phrase_number
    ORDER BY video_id, start_ms
"""


def word(number: int) -> str:
    """One that no stemmer changes, in letters that spell nothing."""
    letters = "bdfgkpqvwxzj"
    return "".join(letters[number // len(letters) ** place % len(letters)] for place in range(5))


def fill(engine: Engine, events: int) -> Iterator[str]:
    """Writes so many events, then the indexes, one by one; tells how long each took."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for setting in QUICKLY:
            connection.execute(text(f"SET {setting}"))
        videos = events // MEAN_EVENTS + 1
        for statement in PARENTS:
            connection.execute(text(statement), {"workspaces": WORKSPACES, "videos": 2 * videos})
        _phrases(connection)
        indexes = _take_indexes(connection)
        started = time.monotonic()
        written = _write(engine, events)
        yield f"{written:,} events written in {time.monotonic() - started:.0f} s"
        for statement in indexes:
            started = time.monotonic()
            connection.execute(text(statement))
            yield f"{time.monotonic() - started:6.0f} s: {statement}"
        connection.execute(text("VACUUM (ANALYZE) events"))
        connection.execute(text("RESET ALL"))  # the pool keeps this connection


def _write(engine: Engine, events: int) -> int:
    """Video by video, so that the events of one lie side by side, as they do where a job writes them."""
    written, batches = 0, count()

    def work() -> None:
        nonlocal written
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for setting in QUICKLY:
                connection.execute(text(f"SET {setting}"))
            while written < events:
                drawn = {"types": TYPES, "phrases": PHRASES, "batch": BATCH, "done": BATCH * next(batches)}
                rows = connection.execute(text(EVENTS), drawn).rowcount
                written += rows  # in one go: what is read before a statement is old after it
                if not rows:
                    break
            connection.execute(text("RESET ALL"))  # the pool keeps this connection

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(work) for _ in range(WRITERS)]:
            done.result()
    return written


def _take_indexes(connection: Connection) -> list[str]:
    """Drops all but the primary key; gives what makes them again."""
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'events' AND indexname <> 'events_pkey' ORDER BY indexname"
    found = connection.execute(text(query)).all()
    for name, _ in found:
        connection.execute(text(f"DROP INDEX {name}"))
    return [definition for _, definition in found]


def _phrases(connection: Connection) -> None:
    """Titles of three words, descriptions of ten; the second word is half as frequent as the first, the third a third."""
    chance = random.Random(0)
    words, weights = [word(number) for number in range(WORDS)], list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    connection.execute(text("CREATE UNLOGGED TABLE phrases (number int PRIMARY KEY, title text, description text)"))
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor().copy("COPY phrases FROM STDIN") as copy:
        for number in range(1, PHRASES + 1):
            drawn = chance.choices(words, cum_weights=weights, k=13)
            copy.write_row((number, " ".join(drawn[:3]), " ".join(drawn[3:])))
    connection.execute(text("ANALYZE phrases"))


def sizes(engine: Engine) -> dict[str, int]:
    """Bytes of the table, and of each index."""
    sizes = "SELECT 'table', pg_table_size('events') UNION ALL SELECT indexrelid::regclass::text, pg_relation_size(indexrelid)"
    with engine.connect() as connection:
        rows = connection.execute(text(f"{sizes} FROM pg_index WHERE indrelid = 'events'::regclass ORDER BY 2 DESC"))
        return {str(name): int(size) for name, size in rows}


def inserts_a_second(engine: Engine, *, rows: int = 20_000) -> float:
    """How fast events are copied into the table as it stands, with its indexes; nothing stays of them."""
    names = ", ".join(column.name for column in Event.__table__.columns if column.name not in {"id", "span", "search"})
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("CREATE TEMP TABLE copied AS SELECT * FROM events ORDER BY id LIMIT :rows"), {"rows": rows})
        started = time.perf_counter()
        connection.execute(text(f"INSERT INTO events (id, {names}) SELECT gen_random_uuid(), {names} FROM copied"))
        took = time.perf_counter() - started
        connection.rollback()
    return rows / took
