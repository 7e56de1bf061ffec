"""What a run leaves behind, as plain data: all that the checker looks at."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from tests.chaos.clips import Clip

Row = dict[str, Any]

TABLES = ("videos", "jobs", "budgets", "plans", "segments", "windows", "events", "doomed_blobs", "webhook_deliveries")
HISTORY = Path(__file__).with_name("history.sql").read_text()


@dataclass(frozen=True, slots=True)
class Change:
    """A row of work or a job as it was written at a moment; members that its kind has not are None."""

    n: int
    at: datetime
    kind: str
    id: UUID
    state: str
    attempts: int | None = None
    outages: int | None = None
    token: UUID | None = None
    reserved: Any = None
    replies: int | None = None


@dataclass(slots=True)
class Upload:
    """What a client did to have one clip analysed. `took_s`: of the try that was accepted; times are seconds since 1970.

    `answers`: the ids of video and job in each answer, of which `replayed` were given before; `loses_answer`: the first is not seen.
    """

    name: str
    clip: str
    budget_usd: float | None = None
    refused: list[str] = field(default_factory=list)
    asked_at: float = 0.0
    accepted_at: float | None = None
    took_s: float = 0.0
    video_id: str = ""
    job_id: str = ""
    loses_answer: bool = False
    answers: list[tuple[str, str]] = field(default_factory=list)
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What was broken, from when until when; for an instant both are the same. Seconds since 1970."""

    kind: str
    target: str
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Message:
    """What the webhook's receiver got: under which id, of which type, about which job or event; `status` is its answer, None where it gave
    none.
    """

    id: str
    type: str
    about: str
    status: int | None
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """`blobs`: size by key; `sources`: SHA-256 of the videos' blobs; `calls`: the model server's book; `beats`: `(at, part, node)`
    of each heartbeat; `starts`: `(name, process id, at)` of whatever was started; `waits`: see `broker`."""

    clips: Mapping[str, Clip]
    uploads: list[Upload]
    faults: list[Fault]
    rows: Mapping[str, list[Row]]
    history: list[Change]
    beats: list[tuple[datetime, str, str]]
    calls: list[Row]
    blobs: Mapping[str, int]
    sources: Mapping[str, str]
    lease_s: float
    survivors: list[str]
    stopped_s: Mapping[str, float]
    starts: list[tuple[str, int, float]] = field(default_factory=list)
    waits: Mapping[str, list[float]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


def begin(database_url: str) -> None:
    """Have the database write its history from now on."""
    with psycopg.connect(database_url) as connection:
        connection.execute(HISTORY)


def rows_of(database_url: str) -> tuple[dict[str, list[Row]], list[Change], list[tuple[datetime, str, str]]]:
    with psycopg.connect(database_url) as connection:
        rows = {}
        for table in TABLES:
            with connection.cursor(row_factory=dict_row) as cursor:
                rows[table] = cursor.execute(f"SELECT * FROM {table}").fetchall()
        with connection.cursor(row_factory=class_row(Change)) as cursor:
            history = cursor.execute("SELECT * FROM chaos.history ORDER BY n").fetchall()
        beats = connection.execute("SELECT at, part, node FROM chaos.beats ORDER BY at").fetchall()
    return rows, history, [tuple(beat) for beat in beats]


def blobs_of(folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    sources = {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in files.items() if key.endswith("/source")}
    return {key: path.stat().st_size for key, path in files.items()}, sources
