"""`python -m benchmarks.settling`: what it takes to make the events of a long video, on a real Postgres.

For videos of several lengths, all windows done: reading them, merging their detections, writing provisional events, and the transaction
that settles the job. For comparison, in the same run, the write as one `INSERT` of 500 rows a statement, as one would write it first.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import delete, insert
from uuid_utils.compat import uuid7

from core.blobs import source_key
from core.request import EventType, JobRequest
from core.settings import Settings
from db import events, jobs, windows, workspaces
from db.models import Event, Job, Plan, Video, Window
from db.session import Sessions, make_engine
from db.upgrade import upgrade
from standalone.postgres import postgres
from workers import settling
from workers.events.detection import Detection

T = TypeVar("T")

STEP_MS, WINDOW_MS = 56_000, 64_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, nargs="+", default=[2, 24], help="lengths of the videos")
    parser.add_argument("--detections", type=int, default=10, help="in each window")
    asked = parser.parse_args()
    print(f"{'hours':>5} {'windows':>8} {'events':>7} {'read':>7} {'merge':>7} {'write':>7} {'settle':>7} {'naive write':>12} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as server:
        settings = Settings(database_url=SecretStr(server.create("settling")), model_api_key=SecretStr("none"))
        sessions = Sessions(make_engine(settings))
        upgrade(sessions)
        for hours in asked.hours:
            measure(sessions, settings, hours, asked.detections)
        sessions.engine.dispose()


def measure(sessions: Sessions, settings: Settings, hours: int, detections: int) -> None:
    job, video = finished(sessions, settings, hours * 3_600_000, detections)
    with sessions.begin() as session:
        read_s, (looked, _) = timed(lambda: windows.of_job(session, job.id))
    merge_s, rows = timed(lambda: settling.event_rows(job, video, looked, []))
    naive_s, _ = timed(lambda: write_naively(sessions, job, rows))
    write_s, _ = timed(lambda: write(sessions, job, rows))
    settle_s, _ = timed(lambda: settle(sessions, job))
    times = f"{read_s:6.2f}s {merge_s:6.2f}s {write_s:6.2f}s {settle_s:6.2f}s {naive_s:11.2f}s {naive_s / write_s:5.1f}x"
    print(f"{hours:5} {len(looked):8} {len(rows):7} {times}", flush=True)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def write(sessions: Sessions, job: Job, rows: list[dict[str, Any]]) -> None:
    with sessions.begin() as session:
        events.become(session, job.id, rows, provisional=True)


def write_naively(sessions: Sessions, job: Job, rows: list[dict[str, Any]]) -> None:
    with sessions.begin() as session:
        for start in range(0, len(rows), 500):
            session.execute(insert(Event).values([{**row, "provisional": True} for row in rows[start : start + 500]]))
    with sessions.begin() as session:
        session.execute(delete(Event).where(Event.job_id == job.id))


def settle(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        locked = jobs.lock(session, job.id)
        assert locked is not None
        settling.advance(session, locked)


def finished(
    sessions: Sessions, settings: Settings, duration_ms: int, detections: int, *, workspace: str = workspaces.DEFAULT
) -> tuple[Job, Video]:
    """A job whose windows are all done, and which nobody has settled."""
    chance = random.Random(duration_ms)
    request = JobRequest(analyzer="model", event_types=(EventType(id="car", description="a car"),)).resolved(settings)
    spans = [(start, min(start + WINDOW_MS, duration_ms)) for start in range(0, duration_ms - STEP_MS // 2, STEP_MS)]
    with sessions.begin() as session:
        video_id = uuid7()
        video = Video(
            id=video_id,
            workspace_id=workspaces.named(session, workspace).id,
            blob_key=source_key(video_id),
            sha256="",
            bytes=1,
            media_type="video/mp4",
            duration_ms=duration_ms,
        )
        session.add(video)
        session.flush()
        job, plan = jobs.submit(session, video, request.model_dump(mode="json"), deadline=settings.job_deadline)
        session.query(Plan).filter_by(id=plan.id).update({"state": "done"})
        job.windows_total = len(spans)
        session.add_all(
            Window(
                workspace_id=job.workspace_id,
                job_id=job.id,
                seq=seq,
                start_ms=start_ms,
                end_ms=end_ms,
                frames_key=f"{job.id}/{seq}",
                frame_pts_ms=list(range(start_ms, end_ms, 1000)),
                signals=[],
                state="done",
                detections=[asdict(seen(chance, start_ms)) for _ in range(detections)],
            )
            for seq, (start_ms, end_ms) in enumerate(spans)
        )
    return job, video


def seen(chance: random.Random, start_ms: int) -> Detection:
    first_ms = start_ms + 1000 * chance.randrange(0, 50)
    return Detection("car", f"car {chance.randrange(9)} passes", first_ms, first_ms + 1000 * chance.randrange(1, 8))


if __name__ == "__main__":
    main()
