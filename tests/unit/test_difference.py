"""What appeared, vanished and moved between two lists of events."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.api.difference import difference


class Found(NamedTuple):
    type: str
    start_ms: int
    end_ms: int
    start_uncertainty_ms: int = 500
    end_uncertainty_ms: int = 500


A, B, C = Found("car", 0, 10_000), Found("car", 20_000, 30_000), Found("dog", 0, 10_000)


def test_events_of_one_type_that_overlap_are_the_same() -> None:
    found = difference([A, B], [A, C])
    assert (found.appeared, found.vanished, found.moved, found.same) == ([B], [C], [], [(A, A)])


def test_a_boundary_moved_only_if_by_more_than_what_is_uncertain_of_both() -> None:
    nearly, later = A._replace(end_ms=11_000), A._replace(end_ms=11_001)
    assert difference([nearly], [A]).same == [(nearly, A)]
    assert difference([later], [A]).moved == [(later, A)]


def test_the_best_match_goes_first() -> None:
    whole, part = A, A._replace(end_ms=4_000)
    assert difference([part, whole], [whole]).same == [(whole, whole)]
    assert difference([part, whole], [whole]).appeared == [part]


events = st.lists(
    st.builds(
        lambda kind, start, length: Found(kind, start, start + length),
        st.sampled_from("ab"),
        st.integers(0, 50_000),
        st.integers(1, 20_000),
    ),
    max_size=25,
)


@given(now=events, before=events)
def test_nothing_is_lost_and_turning_it_round_swaps_what_appeared_and_vanished(now: list[Found], before: list[Found]) -> None:
    found, back = difference(now, before), difference(before, now)
    assert sorted([*found.appeared, *(one for one, _ in (*found.moved, *found.same))]) == sorted(now)
    assert sorted([*found.vanished, *(other for _, other in (*found.moved, *found.same))]) == sorted(before)
    assert len(found.appeared) == len(back.vanished)
    assert not any(
        one.type == other.type and one.start_ms < other.end_ms and other.start_ms < one.end_ms
        for one in found.appeared
        for other in found.vanished
    )
    assert difference(now, now).same == [(one, one) for one in now]
