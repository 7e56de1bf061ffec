"""What is stated of a boundary, and how sure it is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span
from workers.events.boundaries import Boundary, Look, between, edge_end, edge_start, seen_end, seen_start
from workers.events.detection import WindowResult

FRAMES = (10_000, 11_000, 12_000, 13_000)


def window(start_ms: int = 10_000, end_ms: int = 14_000, frames: tuple[int, ...] = FRAMES) -> WindowResult:
    return WindowResult(window_id=UUID(int=1), seq=0, span=Span(start_ms, end_ms), frame_pts_ms=frames, detections=())


def stated(boundary: Boundary | None) -> tuple[int, int] | None:
    return boundary and (boundary.at_ms, boundary.uncertainty_ms)


def test_a_boundary_is_the_middle_of_the_frames_around_it_and_half_their_distance_uncertain() -> None:
    assert stated(seen_start(FRAMES, 2)) == (11_500, 500)
    assert stated(seen_end(FRAMES, 2)) == (12_500, 500)


def test_halves_are_rounded_up_so_that_the_span_holds_the_first_frame_and_not_the_one_after_the_last() -> None:
    assert stated(between(1000, 1001)) == (1001, 1)
    assert stated(between(1000, 1033)) == (1017, 17)


def test_slack_makes_a_boundary_less_sure_and_does_not_move_it() -> None:
    assert stated(seen_start(FRAMES, 1, slack_ms=250)) == (10_500, 750)
    assert stated(seen_end(FRAMES, 1, slack_ms=250)) == (11_500, 750)


def test_a_window_has_not_seen_the_start_of_what_its_first_frame_shows_nor_the_end_of_what_its_last_shows() -> None:
    assert seen_start(FRAMES, 0) is None
    assert seen_end(FRAMES, 3) is None


@given(before=st.integers(0, 10**7), step=st.integers(1, 10**5), slack=st.integers(0, 5000), data=st.data())
def test_the_uncertainty_reaches_every_time_at_which_the_change_may_lie(before: int, step: int, slack: int, data: st.DataObject) -> None:
    after = before + step
    true_ms = data.draw(st.integers(before - slack, after + slack))
    boundary = between(before, after, slack_ms=slack)
    assert before < boundary.at_ms <= after
    assert abs(true_ms - boundary.at_ms) <= boundary.uncertainty_ms
    assert boundary.uncertainty_ms == (step + 1) // 2 + slack


def test_what_the_video_s_first_frame_shows_starts_at_zero_for_sure() -> None:
    first = window(0, 4000, (0, 1000, 2000))
    assert stated(edge_start(first.span, 0, before=None)) == (0, 0)
    assert stated(edge_start(first.span, 0, before=None, slack_ms=300)) == (0, 300)


def test_what_the_video_s_last_frame_shows_ends_with_the_video_and_is_unsure_since_that_frame() -> None:
    assert stated(edge_end(window(), 13_000, after=None, duration_ms=14_000)) == (14_000, 1000)
    assert stated(edge_end(window(), 13_000, after=None, duration_ms=13_040)) == (13_040, 40)
    assert stated(edge_end(window(), 13_000, after=None, duration_ms=14_000, slack_ms=100)) == (14_000, 1100)


def test_frames_lost_at_the_video_s_start_leave_the_start_unsure() -> None:
    assert stated(edge_start(Span(0, 9000), 5000, before=None)) == (0, 5000)


def test_an_open_start_lies_between_the_frames_of_two_windows_that_meet() -> None:
    assert stated(edge_start(Span(9500, 14_000), 10_000, before=Look(9000, joined=True))) == (9500, 500)


def test_an_open_boundary_stays_in_its_window_and_its_uncertainty_reaches_out() -> None:
    assert stated(edge_start(Span(10_000, 14_000), 10_000, before=Look(9000, joined=True))) == (10_000, 1000)
    assert stated(edge_end(window(end_ms=13_400), 13_000, after=Look(14_000, joined=True), duration_ms=60_000)) == (13_400, 600)


def test_an_open_boundary_beside_time_that_nobody_analysed_is_unsure_as_far_as_the_last_look() -> None:
    assert stated(edge_start(Span(10_000, 14_000), 10_000, before=Look(2000, joined=False))) == (10_000, 8000)
    assert stated(edge_end(window(), 13_000, after=Look(53_000, joined=False), duration_ms=60_000)) == (14_000, 39_000)


def test_an_open_boundary_without_any_other_look_is_unsure_as_far_as_the_video_goes() -> None:
    assert stated(edge_start(Span(10_000, 14_000), 10_000, before=None)) == (10_000, 10_000)
    assert stated(edge_end(window(), 13_000, after=None, duration_ms=60_000)) == (14_000, 46_000)


def test_the_end_of_a_window_s_only_frame_is_the_end_of_the_window() -> None:
    assert stated(edge_end(window(frames=(10_000,)), 10_000, after=None, duration_ms=60_000)) == (14_000, 46_000)


def test_a_look_closer_than_the_last_step_bounds_the_stated_end() -> None:
    assert stated(edge_end(window(end_ms=14_500), 13_000, after=Look(13_600, joined=False), duration_ms=60_000)) == (13_600, 600)


@pytest.mark.parametrize(
    ("earliest_ms", "latest_ms", "agrees"),
    [(10, 20, True), (8, 11, True), (13, 14, True), (4, 10, False), (20, 30, False), (25, 30, False)],
)
def test_boundaries_agree_where_both_allow_a_time_between_the_same_frames(earliest_ms: int, latest_ms: int, *, agrees: bool) -> None:
    assert between(10, 20).agrees_with(between(earliest_ms, latest_ms)) is agrees


def test_reaching_further_never_makes_a_boundary_surer() -> None:
    assert stated(between(10, 20).reaching(earliest_ms=5, latest_ms=18)) == (15, 10)
