"""`playhead events` and `playhead event`: what happens, and when."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import Annotated, Literal

import typer

from playhead.commands.options import AsJson, milliseconds
from playhead.render import events_table, job_notes
from playhead.terminal import Session
from playhead.types import Event, Job

Sort = Literal["start_ms", "-start_ms", "-confidence"]
Match = Literal["overlaps", "within", "starts"]


class Verification(StrEnum):
    """What a second look said; an enum, since Typer takes no list of literals."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNVERIFIED = "unverified"


def events(
    ctx: typer.Context,
    video_id: Annotated[str | None, typer.Argument(metavar="VIDEO", help="As listed by: playhead videos. Without it: all videos.")] = None,
    *,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="What goes on at this moment.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this moment on.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this moment.")] = None,
    match: Annotated[Match | None, typer.Option(help="How events lie between --from and --to; overlaps unless told.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="ID", help="Only this type. May be given many times.")] = None,
    text: Annotated[str | None, typer.Option(metavar="WORDS", help="Only events whose text has these words.")] = None,
    min_confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Only events at least this sure.")] = None,
    verification: Annotated[
        list[Verification] | None,
        typer.Option(help="Only what a second look left so. May be given many times. All but rejected ones unless told."),
    ] = None,
    job_id: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only what this job found.")] = None,
    recorded_from: Annotated[
        str | None, typer.Option(metavar="CLOCK", help="From this time on the wall, as 2026-03-01T09:00:00+01:00.")
    ] = None,
    recorded_to: Annotated[str | None, typer.Option(metavar="CLOCK", help="Up to this time on the wall.")] = None,
    sort: Annotated[Sort | None, typer.Option(help="By start unless told.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most events listed; all unless told.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as the server sends it.")] = False,
) -> None:
    """Ask what happens in a video, and when. Times are written as 1:03.2, 01:02:03.250, 63.2, 63.2s or 500ms.

    After the table comes what was not analysed of the stretch that was asked for, and why.
    """
    session: Session = ctx.obj
    at_ms, from_ms, to_ms = milliseconds("--at", at), milliseconds("--from", start), milliseconds("--to", end)
    if at_ms is not None and (from_ms is not None or to_ms is not None):
        raise typer.BadParameter("--at is one moment; use it without --from and --to", param_hint="--at")
    pages = session.client.events(
        video_id,
        at_ms=at_ms,
        from_ms=from_ms,
        to_ms=to_ms,
        match=match,
        types=types or (),
        q=text,
        min_confidence=min_confidence,
        verification=verification or (),
        job_id=job_id,
        recorded_from=recorded_from,
        recorded_to=recorded_to,
        sort=sort,
        limit=min(limit or 1000, 1000),
    )
    found = islice(pages, limit)
    if as_json:
        for event in found:
            session.json(event.raw)
        return
    _show(session, list(found), with_video=video_id is None)
    low, high = (at_ms, at_ms + 1) if at_ms is not None else (from_ms, to_ms)
    for job in _asked(session, video_id, job_id):
        for note in job_notes(job, from_ms=low, to_ms=high):
            session.show(note)


def event(
    ctx: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="Its id, as in: playhead events --json")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one event. Its picture: playhead frame EVENT."""
    session: Session = ctx.obj
    found = session.client.event(event_id)
    if as_json:
        session.json(found.raw)
    else:
        session.show(events_table([found], with_video=True))


def _show(session: Session, found: list[Event], *, with_video: bool) -> None:
    if found:
        session.show(events_table(found, with_video=with_video))
    else:
        session.say("No such events.")


def _asked(session: Session, video_id: str | None, job_id: str | None) -> Iterable[Job]:
    """The jobs whose gaps are gaps in this answer. Over all videos there would be no end to them."""
    if job_id is not None:
        return [session.client.job(job_id)]
    return session.client.jobs(video_id=video_id) if video_id is not None else ()
