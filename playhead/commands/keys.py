"""`playhead keys` and `playhead me`: who may come in."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from playhead.commands.options import AsJson, AsJsonLines, Limit, listed
from playhead.operations.asking import KEEP
from playhead.render import printable
from playhead.tables import keys_table
from playhead.terminal import Session

keys = typer.Typer(no_args_is_help=True, help="Make, list, change and revoke API keys of this workspace.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Its id, as listed by: playhead keys list")]
Expires = Annotated[datetime | None, typer.Option("--expires", help="When it ends by itself, in this machine's time.")]


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
    expires_at: Expires = None,
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
def show(ctx: typer.Context, key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Show one key: what it may do, and when it was last used."""
    session: Session = ctx.obj
    found = session.client.key(key_id)
    if as_json:
        session.json(found.raw)
    else:
        session.show(keys_table([found]))


@keys.command(epilog="Example: playhead keys change KEY --scope read --never-expires")
def change(
    ctx: typer.Context,
    key_id: KeyId,
    *,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    scopes: Annotated[list[Scope] | None, typer.Option("--scope", help="All that it may do from now on. May be given many times.")] = None,
    expires_at: Expires = None,
    never: Annotated[bool, typer.Option("--never-expires", help="It no longer ends by itself.")] = False,
) -> None:
    """Change what a key is called, what it may do, or when it ends. What is not given stays."""
    session: Session = ctx.obj
    if never and expires_at:
        raise typer.BadParameter("use it without --expires", param_hint="--never-expires")
    changed = session.client.change_key(
        key_id,
        name=name or KEEP,
        scopes=[str(scope) for scope in scopes] if scopes else KEEP,
        expires_at=expires_at.astimezone() if expires_at else None if never else KEEP,
    )
    session.show(keys_table([changed]))


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
