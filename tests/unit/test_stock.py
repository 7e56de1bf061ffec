"""Stock times are recognised, and what the world does is not."""

from uuid import UUID

import pytest

from core.spans import Span
from workers.events.detection import Detection, WindowResult
from workers.events.stock import has_stock_times


def window(*stretches: tuple[int, int], kinds: str = "a") -> WindowResult:
    """A frame a second; the stretches in seconds, their types in turn."""
    found = tuple(
        Detection(kinds[number % len(kinds)], f"Number {number}", 1000 * first, 1000 * last)
        for number, (first, last) in enumerate(stretches)
    )
    return WindowResult(UUID(int=1), 0, Span(0, 64_000), tuple(range(0, 64_000, 1000)), found)


STOCK_LENGTHS = [(start, start + 5) for start in (0, 7, 19, 26, 41, 55)]
STOCK_STRIDES = [(0, 3), (7, 9), (14, 20), (21, 22), (28, 33), (35, 39)]


@pytest.mark.parametrize("stretches", [STOCK_LENGTHS, STOCK_STRIDES])
def test_many_of_one_length_or_at_one_distance_are_stock(stretches: list[tuple[int, int]]) -> None:
    assert has_stock_times(window(*stretches))
    assert not has_stock_times(window(*stretches[1:]))
    assert not has_stock_times(window(*stretches, kinds="ab")), "three of each type"


def test_short_ones_are_alike_on_any_grid() -> None:
    assert not has_stock_times(window(*[(start, start + 1) for start in (0, 7, 9, 26, 41, 55, 60)]))
    assert not has_stock_times(window(*[(start, start) for start in range(0, 20, 2)]))


def test_what_happens_as_it_likes_is_not() -> None:
    assert not has_stock_times(window((0, 3), (5, 12), (14, 16), (19, 27), (30, 34), (36, 46), (50, 55)))
