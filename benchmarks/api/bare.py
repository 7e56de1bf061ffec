"""`python -m benchmarks.api.bare PORT`: the least that FastAPI and psycopg could do for the same answers.

A route, a statement on a connection that is kept, a dictionary. No keys, limits, request ids, logs or pages, no checks of what is asked,
and nothing but what the benchmark asks for. Uploads are compared with a shell's pipe, so there are none here.
"""

import os
import sys
import threading
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg.rows import dict_row

JOB = """
SELECT jobs.*, looked.*, planned, ended FROM jobs,
    LATERAL (
        SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
            count(*) FILTER (WHERE state IN ('done', 'failed')) AS ended, coalesce(sum(calls), 0)::int AS calls,
            coalesce(sum(input_tokens), 0)::int AS input_tokens, coalesce(sum(output_tokens), 0)::int AS output_tokens,
            coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(uncertain_usd), 0) AS uncertain_usd,
            coalesce(sum(reserved_usd), 0) AS reserved_usd
        FROM windows WHERE job_id = jobs.id
    ) looked,
    LATERAL (SELECT coalesce(sum(jsonb_array_length(windows)), 0)::int AS planned FROM segments WHERE job_id = jobs.id) cut
WHERE jobs.id = %s
"""
EVENTS = """
SELECT id, video_id, job_id, type, title, description, start_ms, end_ms, start_uncertainty_ms, end_uncertainty_ms, confidence,
    confidence_source, verification, evidence_pts_ms, attributes, source, provisional, lower(recorded) AS recorded_start,
    upper(recorded) AS recorded_end
FROM events WHERE video_id = %s AND span && int8range(%s, %s) ORDER BY start_ms, id LIMIT %s
"""
SAME = ("id", "video_id", "status", "stage", "estimate", "coverage", "error", "warnings", "request")
WHEN = ("created_at", "started_at", "completed_at")
USED = ("calls", "input_tokens", "output_tokens")
DOLLARS = ("cost_usd", "uncertain_usd", "reserved_usd")

app = FastAPI()
local = threading.local()


def connection() -> psycopg.Connection[dict[str, Any]]:
    """This thread's."""
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(os.environ["PLAYHEAD_DATABASE_URL"], autocommit=True, row_factory=dict_row)
        local.connection.execute("SET timezone = 'UTC'")
    return local.connection  # type: ignore[no-any-return]


@app.get("/v1/jobs/{job_id}")
def job(job_id: UUID) -> dict[str, Any]:
    row = connection().execute(JOB, [job_id]).fetchone()
    assert row
    percent = 100.0 if row["completed_at"] else round(100 * row["ended"] / row["planned"], 1) if row["planned"] else 0.0
    arrived = {"bytes_done": None, "bytes_total": None}
    windows = {"windows_total": row["windows_total"], "windows_done": row["done"], "windows_failed": row["failed"]}
    return {
        **{name: row[name] for name in (*SAME, *WHEN)},
        "object": "job",
        "progress": {"percent": percent, **arrived, **windows},
        "usage": {**{name: row[name] for name in USED}, **{name: float(row[name]) for name in DOLLARS}},
    }


@app.get("/v1/videos/{video_id}/events")
def events(video_id: UUID, from_ms: int, to_ms: int, limit: int) -> dict[str, Any]:
    rows = connection().execute(EVENTS, [video_id, from_ms, to_ms, limit]).fetchall()
    for row in rows:
        row["object"] = "event"
        row["evidence"] = {"pts_ms": row.pop("evidence_pts_ms"), "frame_url": f"/v1/events/{row['id']}/frame.jpg"}
    return {"object": "list", "data": rows, "next_cursor": None}


@app.get("/healthz")
def health() -> datetime:
    connection().execute("SELECT 1")
    return datetime.now().astimezone()


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
