"""`playhead uploads`: resumable uploads on their way."""

from typing import Annotated

import typer

from playhead.commands.options import AsJson
from playhead.tables import uploads_table
from playhead.terminal import Session

uploads = typer.Typer(no_args_is_help=True, help="See how far an interrupted upload is, or give it up.")

UploadId = Annotated[str, typer.Argument(metavar="UPLOAD", help="As told where it was interrupted: playhead analyze FILE --resume UPLOAD")]


@uploads.command()
def show(ctx: typer.Context, upload_id: UploadId, *, as_json: AsJson = False) -> None:
    """Show how far an upload is, and what became of it."""
    session: Session = ctx.obj
    found = session.client.pending(upload_id)
    if as_json:
        session.json(found.raw)
    else:
        session.show(uploads_table([found]))


@uploads.command()
def delete(ctx: typer.Context, upload_id: UploadId) -> None:
    """Give an upload up. What became a video stays one."""
    session: Session = ctx.obj
    session.client.delete_upload(upload_id)
    session.say(f"Upload {upload_id} is given up.")
