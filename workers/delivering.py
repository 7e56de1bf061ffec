"""`deliver_webhook`: send what waits for an endpoint, until its receiver has taken it or the tries are over."""

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from core.queue import DELIVER
from core.webhooks import TEST
from db import deliveries
from db.deliveries import Try, Verdict
from db.leases import LeaseLost
from workers import posting
from workers.posting import Answer
from workers.runtime import Runtime
from workers.stopping import Stopping

log = structlog.get_logger(__name__)

GONE = 410
LONGEST_REST = timedelta(days=1)
"""However long a receiver asks to be left alone."""

JITTER = 0.2
"""Up to so much more is waited, so that what failed together does not come back together."""


def deliver(runtime: Runtime, endpoint_id: UUID) -> None:
    """Send the message that has waited longest for the endpoint, if any may be sent; then have the next one sent."""
    if runtime.stop.told:
        return
    settings = runtime.settings
    taken = runtime.sessions.run(
        partial(
            deliveries.take,
            endpoint_id=endpoint_id,
            lease=settings.webhook_timeout + settings.lease,
            in_flight=settings.webhook_in_flight,
            max_attempts=tries(settings.webhook_backoff),
        )
    )
    if taken is None:
        return
    if taken.more:
        runtime.ring(DELIVER, endpoint_id)
    try:
        answer = posting.post(settings, taken, beat=lambda: _heed(runtime))
    except Stopping:
        runtime.sessions.run(partial(deliveries.hand_back, delivery=taken.delivery))
        return
    told = Try(taken.now, answer.duration_ms, answer.status, answer.error, answer.response)
    verdict = judge(answer, attempt=taken.delivery.attempts, once=taken.delivery.type == TEST, backoff=settings.webhook_backoff)
    log.info("webhook.tried", delivery_id=str(taken.delivery.id), status=answer.status, error=answer.error)
    try:
        runtime.sessions.run(
            partial(
                deliveries.tried,
                delivery=taken.delivery,
                told=told,
                verdict=verdict,
                enough=tries(settings.webhook_backoff),
                longest=settings.webhook_disable_after,
            )
        )
    except LeaseLost:
        log.info("webhook.lease_lost", delivery_id=str(taken.delivery.id))
    runtime.ring(DELIVER, endpoint_id)


def tries(backoff: Sequence[timedelta]) -> int:
    """How often a message is sent at the most."""
    return len(backoff) + 1


def judge(answer: Answer, *, attempt: int, once: bool, backoff: Sequence[timedelta]) -> Verdict:
    """What follows from the answer to the try of that number, counted from 1. `once`: there is no other."""
    if answer.error is None:
        return Verdict(delivered=True)
    if answer.status == GONE:
        return Verdict(delivered=False, disable="It answered with 410: it is gone for good.")
    if once or attempt > len(backoff):
        return Verdict(delivered=False)
    rest = backoff[attempt - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 -- nobody must not guess it
    return Verdict(delivered=False, again_after=max(rest, min(timedelta(seconds=answer.retry_after_s or 0), LONGEST_REST)))


def _heed(runtime: Runtime) -> None:
    if runtime.stop.told_since(runtime.settings.stop_patience.total_seconds()):
        raise Stopping
