"""How much one call may hold: what the server's profile says, and what its refusals taught, shared by all workers for a day."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import NamedTuple

import redis
import structlog

from core.errors import PromptTooLarge
from workers.model import tokens
from workers.model.profiles import Profile

log = structlog.get_logger(__name__)

REMEMBERED = timedelta(days=1)

Frames = Sequence[tuple[int, bytes]]


class Amounts(NamedTuple):
    """What frames take in one call, or how much of it may be."""

    images: int
    bytes: int
    context: int


def amounts(frames: Frames) -> Amounts:
    """Base64 makes four bytes of three."""
    return Amounts(len(frames), sum(len(jpeg) for _, jpeg in frames) * 4 // 3, tokens.of_frames(frames))


class CallLimits:
    """Of one provider and key, for each model of it. With Redis away only the profile is known: a refusal is free, and teaches again."""

    def __init__(self, broker: "redis.Redis", scope: str, profile: Profile) -> None:
        self._broker, self._scope, self._profile = broker, scope, profile

    def frames_in_a_call(self, model: str, frames: Frames) -> int:
        """How many of these frames one call may hold; at least one."""
        known, taken = self._known(model), amounts(frames)
        fitting = [most * taken.images // max(int(getattr(taken, limit)), 1) for limit, most in known.items()]
        return max(min([taken.images, *fitting]), 1)

    def learn(self, model: str, error: PromptTooLarge, frames: Frames) -> None:
        """From the refusal of a call with these frames: what it says is the most, else half of what it held."""
        most = error.extra.get("most") or max(ceil(getattr(amounts(frames), error.limit) / 2), 1)
        key, known = self._key(model), self._known(model)
        if most >= known.get(error.limit, most + 1):
            return
        try:
            self._broker.hset(key, error.limit, most)
            self._broker.expire(key, REMEMBERED)
        except redis.RedisError as away:
            log.warning("limits.not_kept", error=repr(away))

    def _known(self, model: str) -> dict[str, int]:
        known = {"images": self._profile.max_images, "bytes": self._profile.max_image_bytes}
        try:
            kept: dict[bytes, bytes] = self._broker.hgetall(self._key(model))  # type: ignore[assignment] # as no decoding was asked for
            learned = {name.decode(): int(most) for name, most in kept.items()}
        except redis.RedisError as away:
            log.warning("limits.not_known", error=repr(away))
            learned = {}
        both = {name: min(known.get(name) or most, most) for name, most in learned.items()}
        return {name: most for name, most in known.items() if most is not None} | both

    def _key(self, model: str) -> str:
        return f"playhead:model:{self._scope}:limits:{model}"
