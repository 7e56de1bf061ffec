"""How far a job is, from what its windows are at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.resources.progress import share_done
from db.standings import Round

rounds = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@given(planned=rounds)
def test_it_never_goes_back_however_many_second_looks_a_round_brings(planned: list[int]) -> None:
    steps = [share_done(Round(pass_, count, ended), refine=True) for pass_, count in enumerate(planned) for ended in range(count + 1)]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1] < 1) == (0, True)


@given(planned=st.integers(1, 60), first=st.integers(0, 60))
def test_it_does_not_go_back_either_where_windows_were_lost_before_the_next_round(planned: int, first: int) -> None:
    assert share_done(Round(0, planned, min(first, planned)), refine=True) <= share_done(Round(1, 50, 0), refine=True)


@pytest.mark.parametrize(
    ("at", "refine", "share"),
    [
        (Round(), False, 0),
        (Round(), True, 0),
        (Round(0, 10, 5), False, 0.5),
        (Round(0, 10, 10), False, 1),
        (Round(0, 10, 5), True, 0.35),
        (Round(1, 8, 0), True, 0.7),
        (Round(1, 8, 4), True, 0.775),
        (Round(2, 8, 0), True, 0.85),
        (Round(3, 8, 8), True, 0.9625),
        pytest.param(Round(1, 8, 10), True, 0.85, id="looks of a segment that a retry made anew"),
    ],
)
def test_the_first_look_is_seven_tenths_of_a_bar_with_second_looks_and_each_round_half_of_the_rest(
    at: Round, refine: bool, share: float
) -> None:
    assert share_done(at, refine=refine) == pytest.approx(share)
