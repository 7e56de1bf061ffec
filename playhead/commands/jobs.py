"""`playhead jobs`, `playhead diff`, `playhead cancel` and `playhead retry`."""

from typing import Annotated

import typer

from playhead.commands.following import exit_code, wait_for
from playhead.commands.options import AsJson, AsJsonLines, Limit, listed
from playhead.render import events_table, incomparable, job_notes, jobs_table, printable
from playhead.terminal import Session


def jobs(
    ctx: typer.Context,
    job_id: Annotated[str | None, typer.Argument(metavar="JOB", help="One job, with what was not analysed and why.")] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job to end; exit codes as in analyze.")] = False,
    limit: Limit = 50,
    as_json: AsJsonLines = False,
) -> None:
    """List jobs, newest first, or show one."""
    session: Session = ctx.obj
    if job_id is not None:
        _one(session, job_id, wait=wait, as_json=as_json)
        return
    if wait:
        raise typer.BadParameter("say which job to wait for: playhead jobs JOB --wait", param_hint="--wait")
    found = session.client.jobs(limit=min(limit, 1000))
    listed(session, found, jobs_table, limit=limit, as_json=as_json, nothing="No jobs yet. Make one: playhead analyze FILE")


def _one(session: Session, job_id: str, *, wait: bool, as_json: bool) -> None:
    job = session.client.job(job_id)
    if wait:
        job = wait_for(session, job, name=job.id)
    if as_json:
        session.json(job.raw)
    else:
        session.show(jobs_table([job]))
        for note in job_notes(job):
            session.show(note)
        session.say(f"Its events: playhead events {job.video_id} --job {job.id}", "dim")
    if wait:
        raise typer.Exit(exit_code(job))


def diff(
    ctx: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="As listed by: playhead jobs")],
    against: Annotated[str, typer.Argument(metavar="OTHER", help="An earlier job of the same video.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compare what two jobs found in a video: what appeared, vanished and moved.

    What one job found where the other one did not look, or did not ask for such a thing, stands apart: of it nobody can tell.
    """
    session: Session = ctx.obj
    found = session.client.diff(job_id, against)
    if as_json:
        session.json(found.raw)
        return
    for name, events in (
        ("Appeared", found.appeared),
        ("Vanished", found.vanished),
        ("Moved", [moved.event for moved in found.moved]),
        *incomparable(found),
    ):
        if events:
            session.say(f"{name}: {len(events)}")
            session.show(events_table(list(events), with_video=False))
    session.say(f"Unchanged: {found.unchanged}")
    for job, status in ((found.job_id, found.status), (found.against, found.against_status)):
        if status not in (None, "succeeded"):
            session.say(f"Job {job} is {printable(status)}: playhead jobs {job}", "yellow")


def cancel(ctx: typer.Context, job_id: Annotated[str, typer.Argument(metavar="JOB", help="As listed by: playhead jobs")]) -> None:
    """Stop a job. What it found already stays."""
    session: Session = ctx.obj
    job = session.client.cancel(job_id)
    if job.status in ("canceling", "canceled"):
        session.say(f"Job {job.id} is {job.status}. What it found stays: playhead events {job.video_id}")
    else:
        session.say(f"Job {job.id} had ended before: {printable(job.status)}.")


def retry(
    ctx: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="As listed by: playhead jobs")],
    *,
    budget: Annotated[
        float | None, typer.Option(metavar="DOLLARS", min=0, help="The job's new budget, what it has spent included.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job to end; exit codes as in analyze.")] = False,
) -> None:
    """Analyse what is missing of a job that failed, was canceled or has gaps. What it found stays, and is not paid for again."""
    session: Session = ctx.obj
    job = session.client.retry(job_id, budget_usd=budget)
    if not wait:
        session.say(f"Job {job.id} is {printable(job.status)} again. Follow it: playhead jobs {job.id} --wait")
        return
    _one(session, job.id, wait=True, as_json=False)
