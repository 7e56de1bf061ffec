"""Where windows lie, and which frames are sampled."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spans import Span, subtract
from workers.frames.frame import SegmentPlan, WindowPlan
from workers.frames.timeline import cut, near_grid, sampled_before, wanted

MINUTE = 60_000


def windows(segments: tuple[SegmentPlan, ...]) -> list[WindowPlan]:
    return [window for segment in segments for window in segment.windows]


def spans(duration_ms: int, *, window_ms: int = 64_000, overlap_ms: int = 8_000) -> list[Span]:
    return [window.span for window in windows(cut(duration_ms, window_ms=window_ms, overlap_ms=overlap_ms, windows_per_segment=5))]


def test_a_video_shorter_than_a_window_is_one_window() -> None:
    assert spans(10_000) == [Span(0, 10_000)]
    assert spans(64_000) == [Span(0, 64_000)]
    assert spans(1) == [Span(0, 1)]


def test_windows_start_every_window_less_the_overlap_and_the_last_one_ends_with_the_video() -> None:
    assert spans(2 * MINUTE) == [Span(0, 64_000), Span(56_000, 120_000)]
    assert spans(3 * MINUTE) == [Span(0, 64_000), Span(56_000, 120_000), Span(112_000, 176_000 + 4_000)]
    assert spans(185_000) == [Span(0, 64_000), Span(56_000, 120_000), Span(112_000, 176_000), Span(168_000, 185_000)]


def test_a_tail_of_less_than_an_eighth_of_a_window_makes_the_last_window_longer() -> None:
    assert spans(71_999) == [Span(0, 71_999)]
    assert spans(72_000) == [Span(0, 64_000), Span(56_000, 72_000)]


def sizes(count: int, most: int) -> list[int]:
    segments = cut(64_000 + 56_000 * (count - 1), window_ms=64_000, overlap_ms=8_000, windows_per_segment=most)
    assert [segment.seq for segment in segments] == list(range(len(segments)))
    assert [window.seq for window in windows(segments)] == list(range(count))
    return [len(segment.windows) for segment in segments]


@pytest.mark.parametrize(
    ("count", "most", "segments"),
    [
        pytest.param(1, 8, [1], id="a short video is decoded in one go"),
        pytest.param(4, 8, [4], id="as one of less than four minutes"),
        pytest.param(5, 8, [3, 2], id="a longer one by two workers"),
        pytest.param(11, 8, [6, 5], id="in equal parts"),
        pytest.param(16, 8, [8, 8], id="up to the most"),
        pytest.param(17, 8, [8, 5, 2, 2], id="the last ones get smaller"),
        pytest.param(129, 8, [*[8] * 15, 5, 2, 2], id="two hours"),
        pytest.param(5, 2, [2, 2, 1], id="a small most"),
        pytest.param(4, 1, [1, 1, 1, 1], id="one each"),
    ],
)
def test_segments_are_some_windows_in_a_row_and_the_last_ones_are_small(count: int, most: int, segments: list[int]) -> None:
    assert sizes(count, most) == segments


@given(count=st.integers(1, 400), most=st.integers(1, 20))
def test_no_segment_is_larger_than_asked_and_none_is_empty(count: int, most: int) -> None:
    assert all(0 < size <= most for size in sizes(count, most))


@settings(deadline=None, max_examples=50)
@given(
    duration_ms=st.integers(1, 10_000_000),
    window_ms=st.integers(8_000, 600_000),
    overlap_share=st.floats(0, 0.9),
    windows_per_segment=st.integers(1, 20),
)
def test_windows_cover_the_video_without_a_hole_and_none_is_much_longer_than_asked(
    duration_ms: int, window_ms: int, overlap_share: float, windows_per_segment: int
) -> None:
    segments = cut(duration_ms, window_ms=window_ms, overlap_ms=int(window_ms * overlap_share), windows_per_segment=windows_per_segment)
    cover = [window.span for window in windows(segments)]
    assert subtract(Span(0, duration_ms), cover) == []
    assert cover[-1].end_ms == duration_ms
    assert all(0 < span.length_ms <= window_ms * 9 / 8 for span in cover)
    assert all(later.end_ms - earlier.end_ms >= min(window_ms // 8, window_ms * (1 - overlap_share)) for earlier, later in pairwise(cover))


@pytest.mark.parametrize("bad", [{"duration_ms": 0}, {"overlap_ms": 64_000}, {"overlap_ms": -1}, {"windows_per_segment": 0}])
def test_nonsense_is_refused(bad: dict[str, int]) -> None:
    arguments = {"duration_ms": MINUTE, "window_ms": 64_000, "overlap_ms": 8_000, "windows_per_segment": 5} | bad
    with pytest.raises(ValueError, match="no timeline"):
        cut(arguments.pop("duration_ms"), **arguments)


EVERY_40_MS = range(0, 10_000, 40)


def test_one_frame_a_second_is_the_frame_nearest_to_each_whole_second() -> None:
    assert wanted(Span(0, 4_000), fps=1, pts_ms=EVERY_40_MS) == (0, 1000, 2000, 3000)
    assert wanted(Span(0, 4_000), fps=1, pts_ms=[0, 990, 1020, 1900, 2101, 3333, 9000]) == (0, 990, 1900, 3333)


def test_the_last_frame_of_the_video_is_always_sampled() -> None:
    assert wanted(Span(8_500, 10_000), fps=1, pts_ms=EVERY_40_MS) == (9000, 9960)


def test_the_last_frame_of_a_window_within_the_video_is_not_special() -> None:
    assert wanted(Span(0, 2_500), fps=1, pts_ms=EVERY_40_MS) == (0, 1000, 2000)


def test_a_rate_above_the_video_s_own_takes_every_frame_once() -> None:
    assert wanted(Span(0, 500), fps=50, pts_ms=range(0, 1_000, 100)) == (0, 100, 200, 300, 400)


def test_a_rate_far_below_one_a_second_is_kept() -> None:
    assert wanted(Span(0, 100_000), fps=0.1, pts_ms=range(0, 100_000, 40)) == (*range(0, 100_000, 10_000), 99_960)


def test_of_two_equally_near_frames_the_earlier_is_sampled() -> None:
    assert wanted(Span(0, 1_500), fps=1, pts_ms=[0, 900, 1100, 2000]) == (0, 900)


def test_a_stretch_without_frames_is_seen_from_both_sides() -> None:
    assert wanted(Span(0, 60_000), fps=1, pts_ms=[0, 1000, 2000, 40_000, 41_000, 42_000]) == (0, 1000, 2000, 40_000, 41_000, 42_000)


def test_a_single_frame_is_sampled() -> None:
    assert wanted(Span(0, 40), fps=1, pts_ms=[0]) == (0,)
    assert wanted(Span(40, 80), fps=1, pts_ms=[0]) == ()


def test_a_key_frame_within_half_an_interval_is_sampled_before_a_nearer_frame() -> None:
    assert wanted(Span(0, 4_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 1400, 2600]) == (0, 1400, 2000, 2600)
    assert wanted(Span(0, 4_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 1520, 3520]) == (0, 1000, 1520, 3000, 3520)


def test_of_many_key_frames_the_nearest_is_sampled_and_of_two_equally_near_ones_the_earlier() -> None:
    assert wanted(Span(500, 1_500), fps=1, pts_ms=EVERY_40_MS, key_ms=[600, 880, 1160, 1440]) == (880,)
    assert wanted(Span(500, 1_500), fps=1, pts_ms=EVERY_40_MS, key_ms=[880, 1120]) == (880,)


def test_a_key_frame_half_way_between_two_times_serves_the_later_one_alone() -> None:
    assert wanted(Span(0, 3_400), fps=1, pts_ms=range(0, 10_000, 100), key_ms=[1500]) == (0, 1000, 1500, 3000)


def test_one_key_frame_every_8_s_serves_one_frame_every_10_s_alone() -> None:
    keys = range(0, 100_000, 8000)
    assert wanted(Span(0, 90_000), fps=0.1, pts_ms=range(0, 100_000, 40), key_ms=keys) == (
        *(0, 8000, 16_000, 32_000, 40_000, 48_000, 56_000, 72_000, 80_000, 88_000),
    )


def test_a_key_frame_stands_for_the_end_of_the_video_if_it_is_sampled_and_near() -> None:
    assert wanted(Span(8_500, 10_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 9480]) == (9480,)
    assert wanted(Span(8_500, 10_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 9440]) == (9440, 9960)
    assert wanted(Span(8_500, 10_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 9080, 9480]) == (9080, 9960)
    assert wanted(Span(8_500, 10_000), fps=1, pts_ms=EVERY_40_MS, key_ms=[0, 9520, 9960]) == (9000, 9960)


def test_a_key_frame_in_a_silence_is_no_better_than_any_other() -> None:
    assert wanted(Span(0, 60_000), fps=1, pts_ms=[0, 1000, 2000, 40_000, 41_000], key_ms=[0, 40_000]) == (0, 1000, 2000, 40_000, 41_000)


@settings(deadline=None, max_examples=50)
@given(
    steps=st.lists(st.integers(1, 3000), min_size=1, max_size=200),
    fps=st.sampled_from([0.1, 0.5, 1, 2, 3, 4, 12.5, 29.97]),
    data=st.data(),
)
def test_any_part_of_the_video_samples_the_same_frames_as_the_whole(steps: list[int], fps: float, data: st.DataObject) -> None:
    pts = [0]
    for step in steps:
        pts.append(pts[-1] + step)
    keys = sorted(data.draw(st.sets(st.sampled_from(pts))))
    whole = wanted(Span(0, pts[-1] + 1), fps=fps, pts_ms=pts, key_ms=keys)
    start = data.draw(st.integers(0, pts[-1]))
    end = data.draw(st.integers(start, pts[-1] + 1))
    assert wanted(Span(start, end), fps=fps, pts_ms=pts, key_ms=keys) == tuple(time for time in whole if start <= time < end)
    assert sampled_before(start, fps=fps, pts_ms=pts, key_ms=keys) == max((time for time in whole if time < start), default=None)


@settings(deadline=None, max_examples=100)
@given(steps=st.lists(st.integers(1, 3000), min_size=1, max_size=100), fps=st.sampled_from([0.5, 1, 2, 7.5]), data=st.data())
def test_sampled_frames_are_the_key_frames_nearest_to_the_grid_or_the_nearest_frames(
    steps: list[int], fps: float, data: st.DataObject
) -> None:
    pts = [0]
    for step in steps:
        pts.append(pts[-1] + step)
    keys = sorted(data.draw(st.sets(st.sampled_from(pts))))
    grid, half = [k * 1000 / fps for k in range(int(pts[-1] * fps / 1000) + 2)], 500 / fps
    chosen = set()
    for at in grid:
        near = [key for key in keys if at - half <= key < at + half]
        if near or at <= pts[-1]:
            chosen.add(min(near or pts, key=lambda time: (abs(time - at), time)))
    ends_with_key = bool(keys) and keys[-1] in chosen and pts[-1] - keys[-1] <= half
    ends = {0} if ends_with_key else {0, pts[-1]}
    # The last frame may be the nearest to a time, but is not asked for twice over.
    assert set(wanted(Span(0, pts[-1] + 1), fps=fps, pts_ms=pts, key_ms=keys)) - {pts[-1]} == (chosen | ends) - {pts[-1]}
    assert ends_with_key or wanted(Span(0, pts[-1] + 1), fps=fps, pts_ms=pts, key_ms=keys)[-1] == pts[-1]


def test_key_frames_are_near_the_grid_by_the_tolerance() -> None:
    times = [0, 240, 250, 260, 740, 750, 1010, 1500]
    assert near_grid(times, fps=1, tolerance_ms=250) == (0, 240, 250, 750, 1010)
    assert near_grid(times, fps=1, tolerance_ms=0) == (0,)
    assert near_grid(times, fps=2, tolerance_ms=10) == (0, 1010, 1500)
    assert near_grid(times, fps=1, tolerance_ms=500) == tuple(times)
