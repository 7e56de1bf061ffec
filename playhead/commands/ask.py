"""`playhead ask`: another question about a video that is there already."""

from typing import Annotated

import typer

from playhead.commands.following import Asked, follow
from playhead.commands.options import AllFrames, Analyzer, Budget, Fps, Instructions, NoWait, Refine, Types, Votes, question
from playhead.terminal import Session


def ask(
    ctx: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="VIDEO", help="As listed by: playhead videos")],
    *,
    types: Types = None,
    instructions: Instructions = None,
    fps: Fps = None,
    all_frames: AllFrames = False,
    analyzer: Analyzer = None,
    refine: Refine = False,
    votes: Votes = None,
    budget: Budget = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: video, job, events.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Ask something else of a video that is there already, wait, and show what happens in it and when.

    It is not sent again, and frames that were sampled the same way before are used again. Exit codes as in analyze.
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
    video = session.client.video(video_id)
    job = session.client.create_job(video.id, request)
    session.say(f"Video {video.id}: job {job.id}")
    raise typer.Exit(follow(session, Asked(video.id, video, job), as_json=as_json, wait=not no_wait))
