"""How much one call may hold: what the server's profile says, and what its refusals taught, shared by all workers for a day."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import ceil
from typing import Any, NamedTuple

import redis
import structlog

from core.errors import PromptTooLarge
from workers.model import tokens
from workers.model.profiles import Profile

log = structlog.get_logger(__name__)

REMEMBERED = timedelta(days=1)

Frames = Sequence[tuple[int, bytes]]


class Amounts(NamedTuple):
    """What a call takes, or how much of it may be. Of `context`, in tokens, its text and its answer are part."""

    images: int
    bytes: int
    context: int


def amounts(frames: Frames, *, beside: int) -> Amounts:
    """Of a call with these frames, and so many tokens beside them. Base64 makes four bytes of three."""
    return Amounts(len(frames), sum(len(jpeg) for _, jpeg in frames) * 4 // 3, tokens.of_frames(frames) + beside)


class CallLimits:
    """Of one provider and key, for each model of it. With Redis away only the profile is known: a refusal is free, and teaches again."""

    def __init__(self, broker: "redis.Redis", scope: str, profile: Profile) -> None:
        self._broker, self._scope, self._profile = broker, scope, profile

    def frames_in_a_call(self, model: str, frames: Frames, *, beside: Callable[[], int]) -> int:
        """How many of these frames one call may hold, with so many tokens of text and answer `beside` them; at least one."""
        known = self._known(model)
        room = {**known, "context": known["context"] - beside()} if "context" in known else known
        taken = amounts(frames, beside=0)
        fitting = [most * taken.images // max(int(getattr(taken, limit)), 1) for limit, most in room.items()]
        return max(min([taken.images, *fitting]), 1)

    def learn(self, model: str, error: PromptTooLarge, frames: Frames, *, beside: int) -> None:
        """From the refusal of a call with these frames: what it says is the most, else half of what it held.

        A prompt that is beyond the context that is known already teaches nothing, as its text may be to blame for that.
        """
        held, known = int(getattr(amounts(frames, beside=beside), error.limit)), self._known(model).get(error.limit)
        named = error.extra.get("most")
        is_known = known is not None and not named and error.limit == "context" and held > known
        most = named or ceil(held / 2)
        if is_known or (known is not None and most >= known):
            return
        try:
            self._broker.set(self._key(model, error.limit), most, ex=REMEMBERED)
        except redis.RedisError as away:
            log.warning("limits.not_kept", error=repr(away))

    def _known(self, model: str) -> dict[str, int]:
        known = {"images": self._profile.max_images, "bytes": self._profile.max_image_bytes, "context": None}
        try:
            kept: list[Any] = self._broker.mget([self._key(model, limit) for limit in known])
        except redis.RedisError as away:
            log.warning("limits.not_known", error=repr(away))
            kept = [None] * len(known)
        told = ((limit, [int(most) for most in both if most is not None]) for limit, *both in zip(known, known.values(), kept, strict=True))
        return {limit: min(most) for limit, most in told if most}

    def _key(self, model: str, limit: str) -> str:
        return f"playhead:model:{self._scope}:limits:{model}:{limit}"
