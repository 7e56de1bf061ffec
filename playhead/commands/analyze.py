"""`playhead analyze`: send videos, wait, show what was found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from playhead.bars import sending, working
from playhead.commands.options import Analyzer, Fps, Instructions, Refine, Types, question
from playhead.errors import PlayheadError
from playhead.render import NO_EVENTS, events_table, job_notes, job_summary, printable
from playhead.terminal import Session
from playhead.timecodes import format_timecode
from playhead.types import Job, Upload

FAILED, PARTIAL, INTERRUPTED = 1, 3, 130


@dataclass(frozen=True)
class Sent:
    file: Path
    upload: Upload


def analyze(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Videos to send.")],
    *,
    types: Types = None,
    instructions: Instructions = None,
    fps: Fps = None,
    analyzer: Analyzer = None,
    refine: Refine = False,
    budget: Annotated[
        float | None, typer.Option(metavar="DOLLARS", min=0, help="Make no call that could cost more in all; what is left is a gap.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file: file, video, job, events.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Send, say the job's id, and leave.")] = False,
) -> None:
    """Send videos to the server, wait, and show what happens in them and when.

    Without --type the model lists what it finds. After the table comes what was not analysed, and why.

    Exit codes: 0 all analysed; 1 an error, or a job that failed; 2 wrong usage; 3 a job that is partial: it has events, and gaps.
    """
    session: Session = ctx.obj
    request = question(types=types, instructions=instructions, fps=fps, analyzer=analyzer, refine=refine, budget_usd=budget)
    codes = []
    sent = []
    for file in files:
        try:
            sent.append(_send(session, file, request))
        except (PlayheadError, OSError) as error:
            session.fail(error, about=file.name)
            codes.append(FAILED)
    codes += [_follow(session, one, as_json=as_json, wait=not no_wait, heading=len(files) > 1) for one in sent]
    raise typer.Exit(FAILED if FAILED in codes else max(codes))


def _send(session: Session, file: Path, request: dict[str, Any]) -> Sent:
    try:
        with sending(session.err, file.name) as on_progress:
            upload = session.client.upload(file, request=request or None, on_progress=on_progress)
    except KeyboardInterrupt:
        session.say(f"Interrupted: {printable(file.name)} was not sent. What was sent before goes on; see it with: playhead jobs")
        raise typer.Exit(INTERRUPTED) from None
    session.say(f"{printable(file.name)}: video {upload.video.id}, job {upload.job.id}")
    return Sent(file, upload)


def _follow(session: Session, sent: Sent, *, as_json: bool, wait: bool, heading: bool) -> int:
    video, job = sent.upload
    about = {"file": str(sent.file), "video": video.raw}
    if not wait:
        if as_json:
            session.json({**about, "job": job.raw})
        else:
            session.say(f"Follow it:  playhead jobs {job.id} --wait\nIts events: playhead events {video.id}")
        return 0
    job = wait_for(session, job, name=sent.file.name)
    events = list(session.client.events(video.id, job_id=job.id, limit=1000))
    if as_json:
        session.json({**about, "video": session.client.video(video.id).raw, "job": job.raw, "events": [event.raw for event in events]})
        return exit_code(job)
    if heading:
        session.show(printable(sent.file.name))
    session.show(events_table(events) if events else NO_EVENTS)
    session.show(job_summary(job, events=len(events)))
    for note in job_notes(job):
        session.show(note)
    at = format_timecode(events[0].start_ms if events else 0)
    session.say(f"Ask again: playhead events {video.id} --at {at}", "dim")
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
