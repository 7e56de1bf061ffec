"""What a model server answered: the text, why it ended, and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# More tokens, or dollars, than any call can cost; and what the database's integers hold.
ABSURD = 2**31


@dataclass(frozen=True, slots=True)
class Usage:
    """As billed, over all tries of one call. `cost_usd` is zero where the server names no price."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "Usage":
        """From the `usage` member of a reply; whatever is missing or absurd counts as not said."""
        usage = payload.get("usage")
        said = usage if isinstance(usage, dict) else {}
        return cls(int(_number(said.get("prompt_tokens"))), int(_number(said.get("completion_tokens"))), _number(said.get("cost")))


@dataclass(frozen=True, slots=True)
class Completion:
    """A usable reply: its text is not empty. `raw` is the whole body, fit to be stored as JSON; `tries` counts the HTTP calls made."""

    text: str
    finish_reason: str | None
    raw: dict[str, Any]
    usage: Usage
    generation_id: str | None
    model: str
    tries: int = 1


def choice_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice; empty where there is none."""
    choices = payload.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def text_of(choice: Mapping[str, Any]) -> str:
    """The text of a choice; some servers send it as a list of parts. Empty where there is none."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _number(found: object) -> float:
    """What is a number that can be billed; anything else is zero."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    return float(found) if 0 <= found < ABSURD else 0.0
