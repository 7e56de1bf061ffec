"""Endpoints as a provider lists them, with what they ask."""

from collections.abc import Sequence
from typing import Any

from tests.model_server import seeing

SUPPORTED = ("max_tokens", "response_format", "seed", "structured_outputs", "temperature")


def offer(*, times: float = 1, supported: Sequence[str] = SUPPORTED, **pricing: str) -> dict[str, Any]:
    """At so many times the price that this server bills; further members of `pricing` as they are."""
    asked = {"prompt": f"{times * seeing.DOLLARS_IN:.8f}", "completion": f"{times * seeing.DOLLARS_OUT:.8f}", **pricing}
    return {"name": "Test", "context_length": 131_072, "pricing": asked, "supported_parameters": list(supported), "status": 0}
