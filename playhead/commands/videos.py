"""`playhead videos` and `playhead delete`."""

import sys
from typing import Annotated

import typer

from playhead.commands.options import AsJsonLines, Limit, listed
from playhead.render import printable, videos_table
from playhead.terminal import Session


def videos(
    ctx: typer.Context,
    *,
    custom_id: Annotated[str | None, typer.Option(metavar="ID", help="Only those that carry this id of yours.")] = None,
    limit: Limit = 50,
    as_json: AsJsonLines = False,
) -> None:
    """List videos, newest first."""
    session: Session = ctx.obj
    found = session.client.videos(custom_id=custom_id, limit=min(limit, 1000))
    listed(session, found, videos_table, limit=limit, as_json=as_json, nothing="No videos yet. Send one: playhead analyze FILE")


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
