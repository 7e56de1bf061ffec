"""`playhead alive` and `playhead ready`: the server itself."""

import typer

from playhead.commands.options import AsJson
from playhead.render import printable
from playhead.tables import parts_table
from playhead.terminal import Session


def alive(ctx: typer.Context) -> None:
    """Say whether the server answers. It needs no key."""
    session: Session = ctx.obj
    session.client.alive()
    session.say(f"{session.client.url} answers.")


def ready(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show how the server's parts do, and what to do about one that is paused. It needs no key.

    Exit code 1 where nothing can be taken in or answered.
    """
    session: Session = ctx.obj
    found = session.client.ready()
    if as_json:
        session.json(found.raw)
    else:
        session.show(parts_table(found))
        session.say(f"{session.client.url} is {printable(found.status)}.")
