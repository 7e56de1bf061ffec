"""What refusals teach of how much one call may hold, in a real Valkey."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import cv2
import numpy as np
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import PromptTooLarge
from standalone.processes import free_port
from standalone.valkey import Valkey
from workers.model.limits import REMEMBERED, CallLimits
from workers.model.profiles import PLAIN

JPEG = cv2.imencode(".jpg", np.zeros((320, 640, 3), np.uint8))[1].tobytes()
FRAMES = [(1000 * number, JPEG) for number in range(60)]  # 200 tokens each
SHORT, LONG = 500, 12_000


@pytest.fixture
def broker(valkey_server: Valkey) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(valkey_server.url(0)) as made:
        yield made


@pytest.fixture
def scope() -> str:
    return uuid4().hex


@pytest.fixture
def limits(broker: "redis.Redis", scope: str) -> CallLimits:
    return CallLimits(broker, scope, PLAIN)


def refusal(limit: str, **told: int) -> PromptTooLarge:
    return PromptTooLarge("too much", limit=limit, **told)


def allowed(limits: CallLimits, *, beside: int = SHORT, model: str = "m") -> int:
    return limits.frames_in_a_call(model, FRAMES, beside=lambda: beside)


def test_nothing_is_known_before_a_refusal(limits: CallLimits) -> None:
    assert allowed(limits) == len(FRAMES)


def test_half_of_what_was_refused_is_sent_next_of_that_model_alone(limits: CallLimits) -> None:
    limits.learn("m", refusal("images"), FRAMES, beside=SHORT)
    assert (allowed(limits), allowed(limits, model="another")) == (30, 60)


def test_what_the_refusal_names_is_known_for_sure(limits: CallLimits) -> None:
    limits.learn("m", refusal("images", most=20), FRAMES, beside=SHORT)
    assert allowed(limits) == 20


def test_of_a_context_the_text_and_the_answer_take_their_part(limits: CallLimits) -> None:
    limits.learn("m", refusal("context", most=10_500), FRAMES, beside=SHORT)
    assert (allowed(limits, beside=SHORT), allowed(limits, beside=6500)) == (50, 20)


def test_a_long_question_costs_other_questions_little(limits: CallLimits) -> None:
    """It is refused again and again, in halves of its frames: after the first time for a reason that is known."""
    for frames in (FRAMES, FRAMES[:30], FRAMES[:15], FRAMES[:8], FRAMES[:4]):
        limits.learn("m", refusal("context"), frames, beside=LONG)
    assert allowed(limits, beside=SHORT) == (12_000 + LONG) // 2 // 200 - SHORT // 200 - 1


def test_each_limit_is_forgotten_a_day_after_it_was_met(limits: CallLimits, broker: "redis.Redis", scope: str) -> None:
    limits.learn("m", refusal("images", most=20), FRAMES, beside=SHORT)
    (images,) = broker.keys(f"*{scope}:limits:m:*")
    broker.expire(images, 5)
    limits.learn("m", refusal("bytes"), FRAMES, beside=SHORT)
    (other,) = {*broker.keys(f"*{scope}:limits:m:*")} - {images}
    assert broker.ttl(images) <= 5
    assert broker.ttl(other) > REMEMBERED.total_seconds() - 60


def test_without_redis_only_the_profile_is_known(scope: str) -> None:
    with redis.Redis(port=free_port(), socket_connect_timeout=1, retry=Retry(NoBackoff(), 1)) as nobody:
        alone = CallLimits(nobody, scope, replace(PLAIN, max_images=7))
        alone.learn("m", refusal("images", most=2), FRAMES, beside=SHORT)
        assert allowed(alone) == 7
