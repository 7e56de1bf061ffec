"""`playhead keys` and `playhead me`: who may come in."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from playhead.commands.options import AsJson, AsJsonLines, Limit, listed
from playhead.render import printable
from playhead.tables import keys_table
from playhead.terminal import Session

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys of this workspace.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Its id, as listed by: playhead keys list")]


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@keys.command("list")
def list_keys(ctx: typer.Context, *, limit: Limit = 50, as_json: AsJsonLines = False) -> None:
    """List keys, newest first, also those that have ended."""
    session: Session = ctx.obj
    listed(session, session.client.keys(limit=min(limit, 1000)), keys_table, limit=limit, as_json=as_json, nothing="No keys.")


@keys.command(epilog="Example: playhead keys create 'camera 7' --scope read --scope write --expires 2027-01-01")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    *,
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it may do. May be given many times; none contains another.")],
    expires_at: Annotated[datetime | None, typer.Option("--expires", help="When it ends by itself, in this machine's time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and write it to standard output. It is shown this once."""
    session: Session = ctx.obj
    made = session.client.create_key(name, [str(scope) for scope in scopes], expires_at=expires_at and expires_at.astimezone())
    if as_json:
        session.json(made.raw)
        return
    session.show(made.key)
    session.say(f"Key {made.id} ({', '.join(made.scopes)}). Store it now: it can't be shown again. End it: playhead keys revoke {made.id}")


@keys.command()
def revoke(ctx: typer.Context, key_id: KeyId) -> None:
    """End a key for good."""
    session: Session = ctx.obj
    session.client.revoke_key(key_id)
    session.say(f"Key {key_id} is revoked.")


def me(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Say which key is used, what it may do, and whose data it opens."""
    session: Session = ctx.obj
    found = session.client.me()
    if as_json:
        session.json(found.raw)
        return
    session.show(keys_table([found.key]))
    session.say(f"Workspace: {printable(found.workspace.name)} ({found.workspace.id})")
    for name, limit in found.limits.raw.items():
        if limit is not None:
            session.say(f"{printable(name.replace('_', ' ')).capitalize()}: {limit:,}")
