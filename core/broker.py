"""A connection to Redis for what is kept there beside the queue. Everybody who asks it can do without, so nobody waits for it long."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.settings import Settings


def connect(settings: Settings, *, timeout_s: float) -> "redis.Redis":
    """Opens nothing yet. A connection that broke meanwhile is made anew at once; the library's own pauses would take seconds."""
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 1)
    )
