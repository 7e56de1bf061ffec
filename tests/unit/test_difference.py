"""What appeared, vanished and moved between two lists of events."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span
from services.api import difference as compared
from services.api.difference import Answer, Difference, Incomparable


class Found(NamedTuple):
    type: str
    start_ms: int
    end_ms: int
    start_uncertainty_ms: int = 500
    end_uncertainty_ms: int = 500


def difference(now: list[Found], before: list[Found]) -> Difference[Found]:
    """Between two jobs that looked at everything, and asked for everything."""
    return compared.difference(Answer(now), Answer(before))


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


def test_what_the_other_one_did_not_analyse_or_did_not_ask_for_is_not_said_to_have_appeared_or_vanished() -> None:
    nowhere = compared.difference(Answer([A, C]), Answer([B], asks=frozenset({"car"}), gaps=None))
    assert (nowhere.appeared, nowhere.vanished) == ([], [B])
    assert nowhere.incomparable == [Incomparable(A, "job", "not_analysed"), Incomparable(C, "job", "not_asked")]
    back = compared.difference(Answer([B], asks=frozenset({"car"}), gaps=None), Answer([A, C]))
    assert (back.appeared, back.vanished) == ([B], [])
    assert back.incomparable == [Incomparable(A, "against", "not_analysed"), Incomparable(C, "against", "not_asked")]


def test_an_event_that_touches_a_hole_is_told_apart_and_one_beside_it_is_not() -> None:
    holes = [Span(30_000, 40_000), Span(9_999, 15_000), Span(12_000, 20_000)]
    found = compared.difference(Answer([A, B]), Answer([], gaps=holes))
    assert (found.appeared, found.incomparable) == ([B], [Incomparable(A, "job", "not_analysed")])


def test_what_both_found_is_the_same_even_in_a_hole_and_unasked_for() -> None:
    assert compared.difference(Answer([A]), Answer([A], asks=frozenset(), gaps=None)).same == [(A, A)]


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


@given(
    now=events,
    before=events,
    asks=st.none() | st.just(frozenset("a")),
    holes=st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 9_000))),
)
def test_the_incomparable_are_those_of_what_differs_that_the_other_could_not_have(
    now: list[Found], before: list[Found], asks: frozenset[str] | None, holes: list[tuple[int, int]]
) -> None:
    gaps = [Span(start, start + length) for start, length in holes]
    found, plain = compared.difference(Answer(now), Answer(before, asks, gaps)), difference(now, before)
    hidden = [one.event for one in found.incomparable]
    assert sorted([*found.appeared, *hidden]) == sorted(plain.appeared)
    assert found.vanished == plain.vanished
    for event in plain.appeared:
        seen = not any(Span(event.start_ms, event.end_ms).overlaps(gap) for gap in gaps)
        assert (event in found.appeared) == (seen and (asks is None or event.type in asks))
