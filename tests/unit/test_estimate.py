"""What a job will cost: the arithmetic, and that it agrees with what is asked in the end."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.estimate import Footage, estimate, every_call
from core.prices import Price
from core.request import JobRequest
from core.settings import Settings
from core.spans import Span
from workers.model import tokens
from workers.model.inquiry import Inquiry
from workers.model.parts import Part
from workers.model.prompt import messages
from workers.model.question import Question

PRICE = Price(Decimal("0.08"), Decimal("0.50"))
HOUR = Footage(3_600_000, 1920, 1080, 30.0)
SETTINGS = Settings(model_url="http://127.0.0.1:1/v1")
TYPES = [
    {
        "id": "car_passes",
        "description": "A car passes from the left to the right",
        "fields": [{"name": "colour", "type": "enum", "values": ["red", "blue"], "description": "Its main colour"}],
    },
    {"id": "flag", "description": "有人举起一面旗帜"},
]


def told(video: Footage = HOUR, *, price: Price = PRICE, max_output_tokens: int = 2048, **request: Any) -> dict[str, Any]:
    resolved = JobRequest.model_validate(request).resolved(SETTINGS)
    return estimate(video, resolved, price=price, max_output_tokens=max_output_tokens).as_dict()


@pytest.mark.parametrize(
    ("sampling", "calls", "million_tokens_in", "dollars"),
    [
        ({}, 64, 0.98, 0.097),
        ({"fps": 0.5, "window_s": 128, "overlap_s": 16}, 33, 0.48, 0.048),
        ({"fps": 2, "window_s": 32, "overlap_s": 4}, 129, 1.95, 0.195),
    ],
)
def test_an_hour_of_video_costs_what_it_is_known_to(sampling: dict[str, Any], calls: int, million_tokens_in: float, dollars: float) -> None:
    hour = told(sampling=sampling)
    assert hour["calls"] == hour["windows"] == pytest.approx(calls, abs=1)
    assert hour["input_tokens"] == pytest.approx(million_tokens_in * 1e6, rel=0.05)
    assert hour["expected_usd"] == pytest.approx(dollars, rel=0.05)
    assert hour["at_most_usd"] > 5 * hour["expected_usd"]


def test_the_price_is_told_with_its_source() -> None:
    dear = Price(Decimal("0.8"), Decimal(5), image_usd=Decimal("0.001"), call_usd=Decimal("0.01"), source="provider")
    hour, cheap = told(price=dear), told()
    assert hour["price"] == {
        "model": "qwen/qwen3-vl-8b-instruct",
        "input_usd": 0.8,
        "output_usd": 5.0,
        "image_usd": 0.001,
        "call_usd": 0.01,
        "source": "provider",
    }
    extra = 0.001 * hour["frames"] + 0.01 * hour["calls"]
    assert hour["expected_usd"] == pytest.approx(10 * cheap["expected_usd"] + extra, abs=1e-6)


def test_signals_cost_nothing() -> None:
    hour = told(analyzer="signals")
    assert (hour["windows"], hour["frames"] > 7200) == (65, True)
    assert [hour[name] for name in ("calls", "input_tokens", "output_tokens", "expected_usd", "at_most_usd", "passes", "price")] == [
        *([0] * 5),
        [],
        None,
    ]


def test_no_more_frames_are_counted_than_the_video_has() -> None:
    slow = told(Footage(64_000, 640, 360, 0.5), sampling={"fps": 8, "window_s": 32})
    assert slow["frames"] < told(Footage(64_000, 640, 360, 30.0), sampling={"fps": 8, "window_s": 32})["frames"] / 10


def test_small_pictures_cost_less() -> None:
    assert told(Footage(3_600_000, 160, 96, 30.0))["input_tokens"] < told()["input_tokens"] / 5


def test_the_sums_are_those_of_the_passes() -> None:
    hour = told(event_types=TYPES, refine=True, verify={"votes": 3})
    assert [each["name"] for each in hour["passes"]] == ["localize", "refine"]
    for name in ("calls", "input_tokens", "output_tokens", "expected_usd", "at_most_usd"):
        assert hour[name] == pytest.approx(sum(each[name] for each in hour["passes"]))


def test_second_looks_cost_up_to_four_tenths_more_for_each_vote() -> None:
    first = told()["expected_usd"]
    assert told(refine=True)["expected_usd"] == pytest.approx(1.4 * first)
    assert told(refine=True, verify={"votes": 3})["expected_usd"] == pytest.approx(2.2 * first)


def shown(count: int, fps: float) -> list[tuple[int, bytes]]:
    jpeg = cv2.imencode(".jpg", np.zeros((352, 640, 3), np.uint8))[1].tobytes()
    return [(round(1000 * number / fps), jpeg) for number in range(count)]


@pytest.mark.parametrize("instructions", [None, "Look at the door. " * 100])
@pytest.mark.parametrize("types", [[], TYPES])
@pytest.mark.parametrize("fps", [0.5, 1, 4])
def test_it_counts_the_tokens_of_the_prompt_that_is_asked(types: list[Any], fps: float, instructions: str | None) -> None:
    asked = {"event_types": types, "instructions": instructions, "sampling": {"fps": fps}}
    window = told(Footage(64_000, 1920, 1080, 30.0), max_output_tokens=1, **asked)
    frames = shown(window["frames"], fps)
    question = Question.of(JobRequest.model_validate(asked))

    def prompt(count: int) -> list[dict[str, Any]]:
        return messages(question, frames[:count], window=Span(0, 64_000), going_on=[kind["id"] for kind in types])

    assert window["input_tokens"] == pytest.approx(tokens.predicted(prompt(len(frames)), frames), rel=0.02)
    calls = (tokens.at_most(prompt(size), frames[:size]) for size in every_call(len(frames)))
    assert window["at_most_usd"] >= sum(PRICE.of(input_tokens=worst, output_tokens=1) for worst in calls)


class Unusable:
    """Answers nothing that can be used, and counts the frames of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, part: Part, number: int, *, going_on: Sequence[str]) -> dict[str, Any]:
        self.calls.append(part.size)
        return {"text": "nothing", "finish_reason": "stop"}


@given(st.integers(1, 600))
def test_at_most_is_every_call_of_a_window_of_which_no_reply_can_be_used(size: int) -> None:
    ask = Unusable()
    Inquiry(Question(), range(0, size * 1000, 1000), Span(0, size * 1000), ask).run()
    counted = list(every_call(size))
    assert len(ask.calls) == len(counted) or (len(ask.calls) < len(counted) and size < 10)
    assert sum(ask.calls) <= sum(counted)
    assert size < 10 or sum(counted) <= sum(ask.calls) + len(ask.calls)
