"""Webhooks: have a server of yours told when jobs end."""

from collections.abc import Sequence

from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import KEEP, Keep, changed, delete, get, given, listed, patch, post
from playhead.pages import Listed
from playhead.types import Delivery, NewWebhook, Webhook, WebhookSecret


class Webhooks:
    @call
    def create_webhook(self, url: str, events: Sequence[str] | None = None, *, description: str | None = None) -> Ask[NewWebhook]:
        """Of the types `job.succeeded`, `job.partial`, `job.failed`, `job.canceled` and `event.created`; by default all but the last."""
        return post(NewWebhook, "/v1/webhooks", given(url=url, events=None if events is None else list(events), description=description))

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
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | Keep | None = KEEP,
        enabled: bool | None = None,
    ) -> Ask[Webhook]:
        """What is not given stays. One that is enabled again goes on with what still waits for it."""
        changes = changed(
            url=url or KEEP,
            events=KEEP if events is None else list(events),
            description=description,
            enabled=KEEP if enabled is None else enabled,
        )
        return patch(Webhook, at("/v1/webhooks/{}", webhook_id), changes)

    @call
    def delete_webhook(self, webhook_id: str) -> Ask[None]:
        """With its deliveries."""
        return delete(at("/v1/webhooks/{}", webhook_id))

    @call
    def webhook_secret(self, webhook_id: str) -> Ask[WebhookSecret]:
        return get(WebhookSecret, at("/v1/webhooks/{}/secret", webhook_id))

    @call
    def rotate_webhook_secret(self, webhook_id: str) -> Ask[WebhookSecret]:
        """The secret before signs too, until `old_secret_until`."""
        return post(WebhookSecret, at("/v1/webhooks/{}/rotate", webhook_id))

    @call
    def test_webhook(self, webhook_id: str) -> Ask[Delivery]:
        """Send it a message of type `webhook.test`, once."""
        return post(Delivery, at("/v1/webhooks/{}/test", webhook_id))

    @listing
    def deliveries(
        self, webhook_id: str, *, state: Sequence[str] | None = None, types: Sequence[str] | None = None, limit: int = 100
    ) -> Listed[Delivery]:
        """Newest first; `state`: `pending`, `delivered`, `failed`."""
        return listed(Delivery, at("/v1/webhooks/{}/deliveries", webhook_id), state=state, type=types, limit=limit)

    @call
    def delivery(self, webhook_id: str, delivery_id: str) -> Ask[Delivery]:
        """With what is sent, and each try."""
        return get(Delivery, at("/v1/webhooks/{}/deliveries/{}", webhook_id, delivery_id))

    @call
    def redeliver(self, webhook_id: str, delivery_id: str) -> Ask[Delivery]:
        """Send it now, whatever became of it, under the same id."""
        return post(Delivery, at("/v1/webhooks/{}/deliveries/{}/redeliver", webhook_id, delivery_id))
