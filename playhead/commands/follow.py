"""`playhead follow`: what becomes of a job, as it becomes it."""

from typing import Annotated

import typer

from playhead.commands.following import INTERRUPTED, exit_code
from playhead.render import job_notes, job_summary
from playhead.tables import news_line
from playhead.terminal import Session
from playhead.types import Event


def follow(
    ctx: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="As listed by: playhead jobs")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line: id, kind, data.")] = False,
    last_id: Annotated[str | None, typer.Option("--after", metavar="ID", help="Only what came after this id, of --json.")] = None,
) -> None:
    """Show events as they are found, until the job has ended: + is new, ~ has changed, - is withdrawn.

    A connection that breaks is made again and goes on where it was. Exit codes as in analyze.
    """
    session: Session = ctx.obj
    found: dict[str, Event] = {}
    job, percent = None, -1.0
    try:
        for news in session.client.follow(job_id, last_id=last_id):
            job = news.job or job
            if as_json:
                session.json({"id": news.id, "kind": news.kind, "data": news.raw})
            elif line := news_line(news, known=found):
                session.show(line)
            elif news.job and int(news.job.progress.percent) > percent:
                percent = news.job.progress.percent
                session.say(f"{news.job.status}, {percent:.0f}%", "dim")
            if news.event:
                found[news.event.id] = news.event
            elif news.event_id:
                found.pop(news.event_id, None)
    except KeyboardInterrupt:
        session.say(f"The job goes on without you. Stop it: playhead cancel {job_id}")
        raise typer.Exit(INTERRUPTED) from None
    job = job if job and job.ended else session.client.job(job_id)
    if not as_json:
        session.show(job_summary(job, events=sum(event.verification.status != "rejected" for event in found.values())))
        for note in job_notes(job):
            session.show(note)
    raise typer.Exit(exit_code(job))
