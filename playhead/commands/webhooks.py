"""`playhead webhooks`: who is told when jobs end."""

from enum import StrEnum
from typing import Annotated

import typer

from playhead.commands.options import AsJson, AsJsonLines, Limit, listed
from playhead.operations.asking import KEEP
from playhead.tables import deliveries_table, webhooks_table
from playhead.terminal import Session

webhooks = typer.Typer(no_args_is_help=True, help="Have your own server told when jobs end, and what they found.")

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="As listed by: playhead webhooks list")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="As listed by: playhead webhooks deliveries WEBHOOK")]


class Told(StrEnum):
    """What messages there are."""

    SUCCEEDED = "job.succeeded"
    PARTIAL = "job.partial"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EVENT = "event.created"


Events = Annotated[
    list[Told] | None, typer.Option("--event", help="What it is told of. May be given many times; whenever a job ends, unless told.")
]


@webhooks.command("list")
def list_webhooks(ctx: typer.Context, *, limit: Limit = 50, as_json: AsJsonLines = False) -> None:
    """List webhooks, and how they are doing."""
    session: Session = ctx.obj
    found = session.client.webhooks(limit=min(limit, 1000))
    listed(session, found, webhooks_table, limit=limit, as_json=as_json, nothing="No webhooks yet. Make one: playhead webhooks create URL")


@webhooks.command(epilog="Example: playhead webhooks create https://example.com/playhead --event job.succeeded --event job.partial")
def create(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted to.")],
    *,
    events: Events = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have messages posted to a URL, and write to standard output the secret that they are signed with (Standard Webhooks)."""
    session: Session = ctx.obj
    made = session.client.create_webhook(url, events=_ids(events), description=description)
    if as_json:
        session.json(made.raw)
        return
    session.show(made.secret)
    session.say(f"Webhook {made.id}. Try it: playhead webhooks test {made.id}")


@webhooks.command()
def show(ctx: typer.Context, webhook_id: WebhookId, *, as_json: AsJson = False) -> None:
    """Show one webhook, and how it is doing."""
    session: Session = ctx.obj
    found = session.client.webhook(webhook_id)
    if as_json:
        session.json(found.raw)
    else:
        session.show(webhooks_table([found]))


@webhooks.command()
def change(
    ctx: typer.Context,
    webhook_id: WebhookId,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where messages are posted to.")] = None,
    events: Events = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything is sent.")] = None,
) -> None:
    """Change where a webhook goes, what it is told of, or whether anything is sent. What is not given stays."""
    session: Session = ctx.obj
    changed = session.client.change_webhook(
        webhook_id, url=url or KEEP, events=_ids(events) or KEEP, enabled=KEEP if enabled is None else enabled
    )
    session.show(webhooks_table([changed]))


@webhooks.command()
def secret(
    ctx: typer.Context, webhook_id: WebhookId, *, rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one first.")] = False
) -> None:
    """Show what messages are signed with."""
    session: Session = ctx.obj
    found = session.client.rotate_webhook_secret(webhook_id) if rotate else session.client.webhook_secret(webhook_id)
    session.show(found.secret)
    if found.old_secret_until:
        session.say(f"Messages are signed with the old one, too, until {found.old_secret_until.astimezone():%Y-%m-%d %H:%M}.")


@webhooks.command()
def test(ctx: typer.Context, webhook_id: WebhookId) -> None:
    """Send a message of type webhook.test."""
    session: Session = ctx.obj
    sent = session.client.test_webhook(webhook_id)
    session.say(f"Message {sent.id} is on its way. How it went: playhead webhooks delivery {webhook_id} {sent.id}")


@webhooks.command()
def deliveries(ctx: typer.Context, webhook_id: WebhookId, *, limit: Limit = 50, as_json: AsJsonLines = False) -> None:
    """List what was sent or is to be, newest first."""
    session: Session = ctx.obj
    found = session.client.deliveries(webhook_id, limit=min(limit, 1000))
    listed(session, found, deliveries_table, limit=limit, as_json=as_json, nothing="Nothing was sent yet.")


@webhooks.command()
def delivery(ctx: typer.Context, webhook_id: WebhookId, delivery_id: DeliveryId) -> None:
    """Show one message as JSON: what is sent, and how each try went."""
    session: Session = ctx.obj
    session.json(session.client.delivery(webhook_id, delivery_id).raw)


@webhooks.command()
def redeliver(ctx: typer.Context, webhook_id: WebhookId, delivery_id: DeliveryId) -> None:
    """Send a message once more."""
    session: Session = ctx.obj
    session.client.redeliver(webhook_id, delivery_id)
    session.say(f"Message {delivery_id} is on its way again.")


@webhooks.command()
def delete(ctx: typer.Context, webhook_id: WebhookId) -> None:
    """Delete a webhook, with what waits to be sent."""
    session: Session = ctx.obj
    session.client.delete_webhook(webhook_id)
    session.say(f"Webhook {webhook_id} is deleted.")


def _ids(events: list[Told] | None) -> list[str] | None:
    return [str(event) for event in events] if events else None
