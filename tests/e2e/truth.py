"""Does a list of events say exactly what was drawn?"""

from collections.abc import Sequence
from typing import Any

from tests.e2e.conftest import DURATION_MS, EVENTS

REQUEST = {"event_types": [{"id": f"mark_{bit}", "description": f"the sign of bit {bit} is lit"} for bit in range(3)]}


def assert_true(events: Sequence[Any]) -> None:
    """Each drawn event once and nothing else, each boundary within its stated uncertainty, and that no larger than it must be."""
    drawn = sorted((round(start * 1000), min(round(end * 1000), DURATION_MS), f"mark_{bit}") for bit, start, end in EVENTS)
    found = sorted(events, key=lambda event: (event.start_ms, event.type))
    assert [event.type for event in found] == [kind for _, _, kind in drawn], found
    for (start_ms, end_ms, _), event in zip(drawn, found, strict=True):
        assert abs(event.start_ms - start_ms) <= event.start_uncertainty_ms <= 500, event
        assert abs(event.end_ms - end_ms) <= event.end_uncertainty_ms <= 500, event
