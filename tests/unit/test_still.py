"""Frames that show nothing new are left out; what may be a boundary never is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workers.frames.still import PEAK, telling

peaks = st.lists(st.one_of(st.floats(0, PEAK), st.floats(PEAK + 0.1, 255)), min_size=1, max_size=70)


def shown(*peaks: float | None, max_gap_s: int = 30) -> list[int]:
    """Of a frame a second, each with how much it differs from the one before: the seconds of those that stay."""
    return [ms // 1000 for ms in telling(range(0, 1000 * len(peaks), 1000), peaks, max_gap_ms=1000 * max_gap_s)]


def test_both_frames_around_each_change_stay_and_the_first_and_the_last() -> None:
    assert shown(None, 1, 1, 1, 90, 2, 2, 2, 40, 30, 1, 1, 1) == [0, 3, 4, 7, 8, 9, 12]


def test_where_nothing_changes_a_frame_stays_every_so_often() -> None:
    assert shown(*[1.0] * 100) == [0, 30, 60, 90, 99]


def test_a_frame_that_nothing_is_known_of_stays() -> None:
    assert shown(1, 1, None, 1, 1) == [0, 1, 2, 4]


@given(found=peaks, gap_s=st.integers(1, 40))
def test_no_change_loses_either_of_its_frames_and_no_gap_is_too_long(found: list[float], gap_s: int) -> None:
    kept = shown(*found, max_gap_s=gap_s)
    changes = [place for place, peak in enumerate(found) if place and peak > PEAK]
    assert {place for change in changes for place in (change - 1, change)} <= set(kept)
    assert {0, len(found) - 1} <= set(kept)
    assert all(after - before <= gap_s for before, after in pairwise(kept))
