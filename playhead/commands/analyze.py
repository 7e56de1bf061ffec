"""`playhead analyze`: send videos, wait, show what was found."""

from pathlib import Path
from typing import Annotated, Any

import typer

from playhead.bars import sending
from playhead.commands.following import FAILED, INTERRUPTED, Asked, follow
from playhead.commands.options import AllFrames, Analyzer, Budget, Fps, Instructions, NoWait, Refine, Types, Votes, question
from playhead.errors import PlayheadError
from playhead.render import printable
from playhead.terminal import Session


def analyze(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Videos to send.")],
    *,
    types: Types = None,
    instructions: Instructions = None,
    fps: Fps = None,
    all_frames: AllFrames = False,
    analyzer: Analyzer = None,
    refine: Refine = False,
    votes: Votes = None,
    budget: Budget = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file: file, video, job, events.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Send videos to the server, wait, and show what happens in them and when.

    Without --type the model lists what it finds. After the table comes what was not analysed, and why.

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
    codes = []
    sent = []
    for file in files:
        try:
            sent.append(_send(session, file, request))
        except (PlayheadError, OSError) as error:
            session.fail(error, about=file.name)
            codes.append(FAILED)
    codes += [follow(session, one, as_json=as_json, wait=not no_wait, heading=len(files) > 1) for one in sent]
    raise typer.Exit(FAILED if FAILED in codes else max(codes))


def _send(session: Session, file: Path, request: dict[str, Any]) -> Asked:
    try:
        with sending(session.err, file.name) as on_progress:
            upload = session.client.upload(file, request=request or None, on_progress=on_progress)
    except KeyboardInterrupt:
        session.say(f"Interrupted: {printable(file.name)} was not sent. What was sent before goes on; see it with: playhead jobs")
        raise typer.Exit(INTERRUPTED) from None
    session.say(f"{printable(file.name)}: video {upload.video.id}, job {upload.job.id}")
    return Asked(file.name, upload.video, upload.job, {"file": str(file)})
