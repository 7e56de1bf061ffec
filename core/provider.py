"""What all workers know together of the model's provider, in Redis: where it is kept, and whether the key is refused right now."""

import hashlib

import redis

from core.settings import Settings


def scope(settings: Settings) -> str:
    """Names a provider and a key without telling either."""
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
    return hashlib.sha256(f"{settings.model_url.rstrip('/')}\0{key}".encode()).hexdigest()[:16]


def pause_key(of: str) -> str:
    """A hash: `until` (milliseconds of Redis's clock) when the next call may try whether the key works again, and the `reason`."""
    return f"playhead:model:{of}:pause"


def paused(broker: "redis.Redis", settings: Settings) -> str | None:
    """Why no call is made with this key; None while calls are."""
    reason = broker.hget(pause_key(scope(settings)), "reason")
    return None if reason is None else str(reason.decode() if isinstance(reason, bytes) else reason)
