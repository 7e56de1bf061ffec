"""`playhead export`, `timeline`, `storyboard`, `download`, `frame`: what is found, for players, editors and eyes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from playhead.bars import receiving
from playhead.commands.options import AsJson, milliseconds
from playhead.render import printable
from playhead.tables import timeline_table
from playhead.terminal import Session

Format = Literal["vtt", "srt", "csv", "jsonl", "edl", "fcpxml", "chapters"]

VideoId = Annotated[str, typer.Argument(metavar="VIDEO", help="As listed by: playhead videos")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; standard output unless told.")]
Start = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this moment on.")]
End = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this moment.")]
Types = Annotated[list[str] | None, typer.Option("--type", metavar="ID", help="Only this type. May be given many times.")]
JobId = Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only what this job found.")]


def export(
    ctx: typer.Context,
    video_id: VideoId,
    format: Annotated[Format, typer.Argument(help="Subtitles, a table, JSON lines, markers for editors, or chapters.")],
    *,
    output: Output = None,
    start: Start = None,
    end: End = None,
    types: Types = None,
    job_id: JobId = None,
    shortest: Annotated[str | None, typer.Option(metavar="TIME", help="Of subtitles and chapters: show each for so long at least.")] = None,
    frame_rate: Annotated[str | None, typer.Option(metavar="FPS", help="Of markers: as 29.97; the video's unless told.")] = None,
    start_timecode: Annotated[str | None, typer.Option(metavar="TIMECODE", help="Of markers: of the first frame, as 01:00:00:00.")] = None,
) -> None:
    """Write a video's events for players (vtt, srt, chapters), spreadsheets and scripts (csv, jsonl) and editors (edl for DaVinci Resolve,
    fcpxml for Final Cut Pro).
    """
    session: Session = ctx.obj
    from_ms, to_ms, shortest_ms = milliseconds("--from", start), milliseconds("--to", end), milliseconds("--shortest", shortest)

    def write(to: Path | BinaryIO) -> int:
        if format == "chapters":
            return session.client.chapters(
                video_id, to, shortest_ms=shortest_ms, from_ms=from_ms, to_ms=to_ms, types=types or (), job_id=job_id
            )
        return session.client.export(
            video_id,
            format,
            to,
            shortest_ms=shortest_ms,
            frame_rate=frame_rate,
            start_timecode=start_timecode,
            from_ms=from_ms,
            to_ms=to_ms,
            types=types or (),
            job_id=job_id,
        )

    _write(session, output, write)


def timeline(
    ctx: typer.Context,
    video_id: VideoId,
    *,
    buckets: Annotated[int, typer.Option(min=1, max=1000, help="Into how many stretches.")] = 20,
    start: Start = None,
    end: End = None,
    types: Types = None,
    job_id: JobId = None,
    as_json: AsJson = False,
) -> None:
    """Show how many events there are in each stretch of a video, and where nobody looked."""
    session: Session = ctx.obj
    from_ms, to_ms = milliseconds("--from", start), milliseconds("--to", end)
    found = session.client.timeline(video_id, buckets=buckets, from_ms=from_ms, to_ms=to_ms, types=types or (), job_id=job_id)
    if as_json:
        session.json(found.raw)
    else:
        session.show(timeline_table(found))


def storyboard(
    ctx: typer.Context,
    video_id: VideoId,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write both.")] = Path(),
) -> None:
    """Write thumbnails of the whole video: storyboard.jpg, and storyboard.vtt, by which a player finds its way in it."""
    session: Session = ctx.obj
    picture, cues = session.client.storyboard(video_id), session.client.thumbnails(video_id)
    output.mkdir(parents=True, exist_ok=True)
    (output / "storyboard.jpg").write_bytes(picture)
    (output / "storyboard.vtt").write_text(cues, encoding="utf-8")
    session.say(f"Written: {printable(output / 'storyboard.jpg')}, {printable(output / 'storyboard.vtt')}")


def frame(ctx: typer.Context, event_id: Annotated[str, typer.Argument(metavar="EVENT")], *, output: Output = None) -> None:
    """Write the frame that shows an event, as JPEG."""
    session: Session = ctx.obj
    picture = session.client.frame(event_id)

    def write(to: Path | BinaryIO) -> int:
        return to.write_bytes(picture) if isinstance(to, Path) else to.write(picture)

    _write(session, output, write)


def download(ctx: typer.Context, video_id: VideoId, *, output: Output = None) -> None:
    """Write a video as it was uploaded."""
    session: Session = ctx.obj
    if output is None and sys.stdout.isatty():
        raise typer.BadParameter("a video is not for a terminal; say where to write it", param_hint="--output")
    with receiving(session.err, video_id) as on_progress:
        _write(session, output, lambda to: session.client.media(video_id, to, on_progress=on_progress))


def _write(session: Session, output: Path | None, write: Callable[[Path | BinaryIO], int]) -> None:
    if output is None:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        size = write(output)
        session.say(f"Written: {printable(output)}, {size:,} bytes")
