"""What a running job has found so far, shown as provisional events.

Merging takes longer the longer the video is, and windows end many times a second: so the events are made anew only as often as that takes
a small part of the time, outside the transactions that end windows. Settling makes them once more, from everything.
"""

import time
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from db import events, jobs, windows
from db.models import Job, Video, Window
from workers import settling
from workers.runtime import Runtime

REST = 20
"""How many times as long as making the events took, they are left alone."""

DEAD_AFTER = timedelta(minutes=2)


def show(runtime: Runtime, job_id: UUID) -> None:
    """Bring a running job's provisional events up to date with its finished windows, unless that was done only just now."""
    revision = runtime.sessions.run(lambda session: jobs.to_show(session, job_id, within=DEAD_AFTER))
    if revision is None:
        return
    started = time.monotonic()
    job, video, looked, looked_again = runtime.sessions.run(lambda session: _load(session, job_id))
    rows = settling.event_rows(job, video, looked, looked_again)

    def write(session: Session) -> None:
        running = jobs.lock(session, job_id)
        if running is not None and running.completed_at is None:
            events.become(session, job_id, rows, provisional=True)
            jobs.shown(session, job_id, revision=revision, rest=timedelta(seconds=REST * (time.monotonic() - started)))

    runtime.sessions.run(write)


def _load(session: Session, job_id: UUID) -> tuple[Job, Video, list[Window], list[Window]]:
    job = session.get_one(Job, job_id)
    return job, session.get_one(Video, job.video_id), *windows.of_job(session, job_id)
