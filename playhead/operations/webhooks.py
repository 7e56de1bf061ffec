"""Webhooks: have your own server told when a job ends, and what it found."""

from collections.abc import Sequence

from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import KEEP, Keep, body, changed, delete, get, listed, patch, post
from playhead.pages import Listed
from playhead.types import Delivery, NewWebhook, Webhook, WebhookSecret


class Webhooks:
    @call
    def create_webhook(self, url: str, *, events: Sequence[str] | None = None, description: str | None = None) -> Ask[NewWebhook]:
        """Have messages posted to `url`, signed by Standard Webhooks: `job.succeeded`, `job.partial`, `job.failed`, `job.canceled`,
        `event.created`. Without `events`: whenever a job ends.
        """
        return post(NewWebhook, "/v1/webhooks", body(url=url, events=None if events is None else list(events), description=description))

    @listing
    def webhooks(self, *, limit: int = 100) -> Listed[Webhook]:
        """Newest first."""
        return listed(Webhook, "/v1/webhooks", limit=limit)

    @call
    def webhook(self, webhook_id: str) -> Ask[Webhook]:
        return get(Webhook, at("/v1/webhooks/{}", webhook_id))

    @call
    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | Keep = KEEP,
        events: Sequence[str] | Keep = KEEP,
        description: str | Keep | None = KEEP,
        enabled: bool | Keep = KEEP,
    ) -> Ask[Webhook]:
        """What is not given stays. One that is enabled again goes on with what still waits for it."""
        told = events if isinstance(events, Keep) else list(events)
        changes = changed(url=url, events=told, description=description, enabled=enabled)
        return patch(Webhook, at("/v1/webhooks/{}", webhook_id), changes)

    @call
    def delete_webhook(self, webhook_id: str) -> Ask[None]:
        """With its deliveries, also those that wait to be sent."""
        return delete(at("/v1/webhooks/{}", webhook_id))

    @call
    def webhook_secret(self, webhook_id: str) -> Ask[WebhookSecret]:
        """What its messages are signed with."""
        return get(WebhookSecret, at("/v1/webhooks/{}/secret", webhook_id))

    @call
    def rotate_webhook_secret(self, webhook_id: str) -> Ask[WebhookSecret]:
        """Make a new secret. For a while messages are signed with both."""
        return post(WebhookSecret, at("/v1/webhooks/{}/rotate", webhook_id))

    @call
    def test_webhook(self, webhook_id: str) -> Ask[Delivery]:
        """Send it a message of type `webhook.test`, once."""
        return post(Delivery, at("/v1/webhooks/{}/test", webhook_id))

    @listing
    def deliveries(self, webhook_id: str, *, state: Sequence[str] = (), types: Sequence[str] = (), limit: int = 100) -> Listed[Delivery]:
        """What was sent or is to be, newest first."""
        filters = {"state": list(state) or None, "type": list(types) or None}
        return listed(Delivery, at("/v1/webhooks/{}/deliveries", webhook_id), limit=limit, **filters)

    @call
    def delivery(self, webhook_id: str, delivery_id: str) -> Ask[Delivery]:
        """One message: what is sent, and how each try went."""
        return get(Delivery, at("/v1/webhooks/{}/deliveries/{}", webhook_id, delivery_id))

    @call
    def redeliver(self, webhook_id: str, delivery_id: str) -> Ask[Delivery]:
        """Send a message now, whatever became of it, under the same id."""
        return post(Delivery, at("/v1/webhooks/{}/deliveries/{}/redeliver", webhook_id, delivery_id))
