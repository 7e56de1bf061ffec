"""What a try at a call cost: as the reply tells, and where none tells, whether it may have cost anything.

| what came                                                | what it cost                                                          |
|----------------------------------------------------------|-----------------------------------------------------------------------|
| a reply with `usage.cost`                                | that                                                                  |
| a reply with tokens alone                                | the tokens at the price                                               |
| an error inside a 200, without tokens                    | nothing                                                               |
| a reply that tells neither                               | uncertain                                                             |
| nothing of that, or no reply                             | nothing, or uncertain: as the `policy` says (`charged`)               |
| the try ended before it was sent                         | nothing                                                               |

What is uncertain counts as the most that the call can have cost.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from core.prices import Price
from workers.model.completion import Usage, choice_of
from workers.model.policy import rule_of


@dataclass(slots=True)
class Try:
    """One HTTP call, as the client makes it: whether it was sent, and the payload of the reply where there was one."""

    sent: bool = False
    payload: Mapping[str, Any] | None = None


Meter = Callable[[], AbstractContextManager[Try]]
"""Entered before each try and left after it, with the exception where it failed; may raise instead of letting it be made."""


def unmetered() -> AbstractContextManager[Try]:
    return nullcontext(Try())


def bill_of(payload: Mapping[str, Any], price: Price) -> Usage | None:
    """What a reply says that it took, in tokens and dollars; None where it says nothing."""
    told, usage = payload.get("usage"), Usage.of(payload)
    cost = told.get("cost") if isinstance(told, dict) else None
    if isinstance(cost, int | float) and not isinstance(cost, bool) and (usage.cost_usd or cost == 0):
        return usage
    if usage.input_tokens or usage.output_tokens:
        dollars = price.of(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        return Usage(usage.input_tokens, usage.output_tokens, float(dollars))
    return usage if payload.get("error") or choice_of(payload).get("error") else None


def may_have_cost(one: Try, error: BaseException) -> bool:
    """Whether a try that failed without a bill may have been charged."""
    rule = rule_of(error)
    return one.sent and (rule is None or rule.charged)
