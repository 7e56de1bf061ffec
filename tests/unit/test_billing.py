"""What a reply says that it cost, however it says it."""

from decimal import Decimal
from typing import Any

import pytest

from core.prices import Price
from workers.model.billing import bill_of
from workers.model.completion import Usage

PRICE = Price(Decimal(1), Decimal(10))
CHOICE = {"message": {"content": "{}"}}


@pytest.mark.parametrize(
    ("payload", "bill"),
    [
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.5}}, Usage(1000, 100, 0.5)),
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0}}, Usage(1000, 100, 0.0)),
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100}}, Usage(1000, 100, 0.002)),
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "cost": None}}, Usage(1000, 100, 0.002)),
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "cost": -1}}, Usage(1000, 100, 0.002)),
        ({"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "cost": True}}, Usage(1000, 100, 0.002)),
        ({"usage": {"prompt_tokens": 1}, "error": {"code": 502}}, Usage(1, 0, 1e-6)),
        ({"error": {"code": 502}}, Usage()),
        ({"choices": [{"error": {"code": 502}, "finish_reason": "error"}]}, Usage()),
        ({"choices": [CHOICE]}, None),
        ({"choices": [CHOICE], "usage": None}, None),
        ({"choices": [CHOICE], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}, None),
    ],
)
def test_the_cost_told_comes_before_tokens_at_the_price(payload: dict[str, Any], bill: Usage | None) -> None:
    assert bill_of(payload, PRICE) == bill


def test_a_price_is_rounded_up_to_what_is_stored() -> None:
    assert Price(Decimal("0.0801"), Decimal(0)).of(input_tokens=1, output_tokens=0) == Decimal("0.00000009")


def test_a_price_survives_being_kept() -> None:
    price = Price(Decimal("0.08"), Decimal("0.5"), Decimal("0.001"), Decimal(0), "provider")
    assert Price.from_dict({**price.as_dict(), "model": "test/model"}) == price
