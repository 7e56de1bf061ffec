"""`playhead videos` and `playhead delete`."""

import sys
from itertools import islice
from typing import Annotated

import typer

from playhead.render import printable, videos_table
from playhead.terminal import Session


def videos(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Most videos listed.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as the server sends it.")] = False,
) -> None:
    """List videos, newest first."""
    session: Session = ctx.obj
    listed = list(islice(session.client.videos(limit=min(limit, 1000)), limit))
    if as_json:
        for video in listed:
            session.json(video.raw)
    elif listed:
        session.show(videos_table(listed))
    else:
        session.say("No videos yet. Send one: playhead analyze FILE")


def delete(
    ctx: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="VIDEO", help="As listed by: playhead videos")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete a video with its jobs, events and frames, for good."""
    session: Session = ctx.obj
    video = session.client.video(video_id)
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("there is nobody to ask here; add --yes", param_hint="--yes")
        title = f" ({printable(video.title or video.filename)})" if video.title or video.filename else ""
        typer.confirm(f"Delete video {video.id}{title} with its jobs, events and frames?", abort=True, err=True)
    session.client.delete_video(video.id)
    session.say(f"Video {video.id} is deleted.")
