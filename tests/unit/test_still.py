"""Frames that show nothing new are left out; what may be a boundary never is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span
from workers.frames.frame import Frame, SampledWindow, Signals, WindowPlan
from workers.frames.still import PEAK, thinned

peaks = st.lists(st.one_of(st.floats(0, PEAK), st.floats(PEAK + 0.1, 255)), min_size=1, max_size=70)


def window(*found: float | None, step_ms: int = 1000) -> SampledWindow:
    """A frame a second, each with how much it differs from the one before."""
    frames = tuple(Frame(place * step_ms, b"jpeg", Signals(0, 0, None, None, peak)) for place, peak in enumerate(found))
    return SampledWindow(WindowPlan(0, Span(0, len(found) * step_ms)), frames, ())


def shown(sampled: SampledWindow, *, max_gap_ms: int = 30_000) -> list[int]:
    return [frame.pts_ms // 1000 for frame in thinned(sampled, max_gap_ms=max_gap_ms).frames]


def test_both_frames_around_each_change_stay_and_the_first_and_the_last() -> None:
    assert shown(window(None, 1, 1, 1, 90, 2, 2, 2, 40, 30, 1, 1, 1)) == [0, 3, 4, 7, 8, 9, 12]


def test_where_nothing_changes_a_frame_stays_every_so_often() -> None:
    assert shown(window(*[1.0] * 100)) == [0, 30, 60, 90, 99]


def test_a_frame_that_nothing_is_known_of_stays() -> None:
    assert shown(window(1, 1, None, 1, 1)) == [0, 1, 2, 4]


@given(found=peaks, gap_s=st.integers(1, 40))
def test_no_change_loses_either_of_its_frames_and_no_gap_is_too_long(found: list[float], gap_s: int) -> None:
    kept = shown(window(*found), max_gap_ms=gap_s * 1000)
    changes = [place for place, peak in enumerate(found) if place and peak > PEAK]
    assert {place for change in changes for place in (change - 1, change)} <= set(kept)
    assert {0, len(found) - 1} <= set(kept)
    assert all(after - before <= gap_s for before, after in pairwise(kept))
