"""`playhead export`: a video's events as a file for a player, an editor or a spreadsheet."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from playhead.commands.options import milliseconds
from playhead.operations.events import Filters
from playhead.operations.exports import Form
from playhead.terminal import Session

FORMS: tuple[Form, ...] = get_args(Form)


def export(
    ctx: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="VIDEO", help="As listed by: playhead videos")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help=f"Its ending says what it is: {', '.join(FORMS)}.")],
    *,
    chapters: Annotated[bool, typer.Option("--chapters", help="Chapters that cover the video, in a .vtt.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this moment on.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this moment.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="ID", help="Only this type. May be given many times.")] = None,
    text: Annotated[str | None, typer.Option(metavar="WORDS", help="Only events whose text has these words.")] = None,
    job_id: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only what this job found.")] = None,
    shortest: Annotated[
        str | None, typer.Option(metavar="TIME", help="Show each cue for so long at least; the least length of a chapter.")
    ] = None,
    frame_rate: Annotated[str | None, typer.Option(metavar="FPS", help="Of the editor's timeline; the video's unless told.")] = None,
    start_timecode: Annotated[
        str | None, typer.Option(metavar="TIMECODE", help="Of the first frame, as 01:00:00:00, or 01:00:00;00 to count drop-frame.")
    ] = None,
) -> None:
    """Write what happens in a video into a file: subtitles, a table, lines of JSON, or markers for an editor."""
    session: Session = ctx.obj
    form = next((form for form in FORMS if file.suffix.lower() == f".{form}"), None)
    if form is None or (chapters and form != "vtt"):
        raise typer.BadParameter(f"{file.name!r} ends in none of {'.vtt' if chapters else ', '.join(FORMS)}", param_hint="FILE")
    from_ms, to_ms, shortest_ms = milliseconds("--from", start), milliseconds("--to", end), milliseconds("--shortest", shortest)
    filters: Filters = {"from_ms": from_ms, "to_ms": to_ms, "types": types or (), "q": text, "job_id": job_id}
    if chapters:
        size = session.client.chapters(video_id, file, shortest_ms=shortest_ms, **filters)
    else:
        size = session.client.export(
            video_id, form, file, shortest_ms=shortest_ms, frame_rate=frame_rate, start_timecode=start_timecode, **filters
        )
    session.say(f"{file}: {size} bytes.")
