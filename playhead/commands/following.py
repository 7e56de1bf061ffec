"""A question that was asked: wait for its job to end, and show what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

from playhead.bars import working
from playhead.render import NO_EVENTS, events_table, job_notes, job_summary, printable
from playhead.terminal import Session
from playhead.timecodes import format_timecode
from playhead.types import Job, Video

FAILED, PARTIAL, INTERRUPTED = 1, 3, 130


@dataclass(frozen=True)
class Asked:
    """A job just begun, under the name that its user knows the video by; `about` is what JSON says besides."""

    name: str
    video: Video
    job: Job
    about: Mapping[str, Any] = field(default_factory=dict)


def follow(session: Session, asked: Asked, *, as_json: bool, wait: bool, heading: bool = False) -> int:
    """The exit code."""
    video, job = asked.video, asked.job
    if not wait:
        if as_json:
            session.json({**asked.about, "video": video.raw, "job": job.raw})
        else:
            session.say(f"Follow it:  playhead jobs {job.id} --wait\nIts events: playhead events {video.id} --job {job.id}")
        return 0
    job = wait_for(session, job, name=asked.name)
    events = list(session.client.events(video.id, job_id=job.id, limit=1000))
    if as_json:
        found = {"video": session.client.video(video.id).raw, "job": job.raw, "events": [event.raw for event in events]}
        session.json({**asked.about, **found})
        return exit_code(job)
    if heading:
        session.show(printable(asked.name))
    session.show(events_table(events) if events else NO_EVENTS)
    session.show(job_summary(job, events=len(events)))
    for note in job_notes(job):
        session.show(note)
    at = format_timecode(events[0].start_ms if events else 0)
    session.say(f"Ask again: playhead events {video.id} --job {job.id} --at {at}", "dim")
    return exit_code(job)


def wait_for(session: Session, job: Job, *, name: str) -> Job:
    """Leaves when interrupted, and says that the job does not."""
    try:
        with working(session.err, name) as on_progress:
            return session.client.wait(job.id, on_progress=on_progress)
    except KeyboardInterrupt:
        session.say(f"The job goes on without you.\nFollow it: playhead jobs {job.id} --wait\nStop it:   playhead cancel {job.id}")
        raise typer.Exit(INTERRUPTED) from None


def exit_code(job: Job) -> int:
    return {"succeeded": 0, "partial": PARTIAL}.get(job.status, FAILED)
