"""`playhead estimate`: what a question about a video would cost."""

from typing import Annotated

import typer

from playhead.commands.options import AllFrames, Analyzer, Fps, Instructions, Refine, Types, Votes, question
from playhead.render import estimate_notes, estimate_table
from playhead.terminal import Session


def estimate(
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, as the server sends it.")] = False,
) -> None:
    """Say what it would cost to ask this of a video that is there already. Nothing is asked of a model."""
    session: Session = ctx.obj
    request = question(
        types=types, instructions=instructions, fps=fps, all_frames=all_frames, analyzer=analyzer, refine=refine, votes=votes
    )
    told = session.client.estimate(video_id, request)
    if as_json:
        session.json(told.raw)
        return
    session.show(estimate_table(told))
    for note in estimate_notes(told):
        session.show(note)
