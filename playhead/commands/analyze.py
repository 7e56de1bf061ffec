"""`playhead analyze`: send videos, wait, show what was found."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from playhead.bars import sending
from playhead.commands.following import FAILED, INTERRUPTED, Asked, follow
from playhead.commands.options import AllFrames, Analyzer, Budget, Fps, Instructions, NoWait, Refine, Types, Votes, question
from playhead.errors import ConnectionFailed, PlayheadError
from playhead.operations.videos import About
from playhead.render import printable
from playhead.terminal import Session


def analyze(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Videos to send; or https://..., for the server to fetch.")],
    *,
    types: Types = None,
    instructions: Instructions = None,
    fps: Fps = None,
    all_frames: AllFrames = False,
    analyzer: Analyzer = None,
    refine: Refine = False,
    votes: Votes = None,
    budget: Budget = None,
    title: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    recorded_at: Annotated[
        str | None, typer.Option(metavar="CLOCK", help="When its first frame was recorded, as 2026-03-01T09:00:00+01:00.")
    ] = None,
    custom_id: Annotated[str | None, typer.Option(metavar="ID", help="Your own id for it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file: file, video, job, events.")] = False,
    no_wait: NoWait = False,
    resume: Annotated[
        str | None, typer.Option(metavar="UPLOAD", help="Send only what is missing of an upload of this file that was interrupted.")
    ] = None,
) -> None:
    """Send videos to the server, wait, and show what happens in them and when.

    Without --type the model lists what it finds. After the table comes what was not analysed, and why. Where a connection breaks while a
    large file is sent, it is made again, and goes on where it was.

    Exit codes: 0 all analysed; 1 an error, or a job that failed; 2 wrong usage; 3 a job that is partial: it has events, and gaps.
    """
    session: Session = ctx.obj
    request = question(
        types=types,
        instructions=instructions,
        fps=fps,
        all_frames=all_frames,
        analyzer=analyzer,
        refine=refine,
        votes=votes,
        budget_usd=budget,
    )
    about: About = {"request": request or None, "title": title, "recorded_at": recorded_at, "custom_id": custom_id}
    if resume and (len(files) > 1 or any(about.values())):
        raise typer.BadParameter("takes one file, and no other options: what to look for was told before", param_hint="--resume")
    codes = []
    sent = []
    for source in [_source(file) for file in files]:
        try:
            sent.append(_send(session, source, about, resume))
        except (PlayheadError, OSError) as error:
            session.fail(error, about=_name(source))
            codes.append(FAILED)
    codes += [follow(session, one, as_json=as_json, wait=not no_wait, heading=len(files) > 1) for one in sent]
    raise typer.Exit(FAILED if FAILED in codes else max(codes))


def _source(text: str) -> Path | str:
    """A file that is there, or an address."""
    if text.startswith(("https://", "http://")):
        return text
    path = Path(text)
    if not path.exists():
        raise typer.BadParameter(f"{text!r} does not exist.", param_hint="FILE")
    if path.is_dir():
        raise typer.BadParameter(f"{text!r} is a folder.", param_hint="FILE")
    return path


def _name(source: Path | str) -> str:
    return source.name if isinstance(source, Path) else source.partition("?")[0]


def _send(session: Session, source: Path | str, about: About, resume: str | None) -> Asked:
    name, begun = _name(source), [resume] if resume else []
    try:
        if isinstance(source, Path):
            with sending(session.err, name) as on_progress:
                upload = session.client.upload(source, resume=resume, on_begun=begun.append, on_progress=on_progress, **about)
        else:
            upload = session.client.upload_url(source, **about)
    except KeyboardInterrupt:
        session.say(f"Interrupted: {printable(name)} was not sent. What was sent before goes on; see it with: playhead jobs")
        _tell_how_to_go_on(session, source, begun)
        raise typer.Exit(INTERRUPTED) from None
    except ConnectionFailed:
        _tell_how_to_go_on(session, source, begun)
        raise
    session.say(f"{printable(name)}: video {upload.video.id}, job {upload.job.id}")
    return Asked(name, upload.video, upload.job, {"file": str(source)})


def _tell_how_to_go_on(session: Session, source: Path | str, begun: list[str]) -> None:
    if begun:
        session.say(f"Send the rest of it: playhead analyze {shlex.quote(printable(source))} --resume {begun[0]}")
