"""How the wanted frames are reached: reads like the planner's specification."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spans import Span
from workers.frames.cost import Costs, costs
from workers.frames.index import Index
from workers.frames.plan import RUN_UP_FRAMES, SEQUENTIAL, Run, Ways, plan, seekable_key
from workers.frames.timeline import wanted

ROUND = Costs(key=4.0, frame=1.0, packet=0.01, open=5.0, seek=5.0)


def index(*, frames: int, step_ms: int = 100, keys: Sequence[int]) -> Index:
    pts = range(0, frames * step_ms, step_ms)
    return Index(zero_ms=0, start_ms=0, pts_ms=pts, key_ms=keys, usual_ms=step_ms, regular=True, duration_ms=frames * step_ms)


def every(seconds: float, until_s: float = 60) -> tuple[int, ...]:
    return tuple(range(0, round(until_s * 1000), round(seconds * 1000)))


MINUTE = index(frames=600, keys=every(10))
KEY_EACH_SECOND = index(frames=600, keys=every(1))
HOUR = index(frames=36_000, keys=every(10, 3600))
ONLY_THE_FIRST_IS_KEY = index(frames=600, keys=[0])


# What is planned where


def test_nothing_wanted_is_no_run() -> None:
    assert plan(MINUTE, (), ROUND) == ()


def test_where_all_wanted_frames_are_key_frames_these_alone_are_decoded() -> None:
    assert plan(KEY_EACH_SECOND, every(1), ROUND) == (Run(None, every(1), keys_alone=True),)


def test_where_many_frames_of_each_group_are_wanted_all_are_decoded_in_one_pass() -> None:
    assert plan(MINUTE, every(1), ROUND) == (Run(None, every(1)),)


def test_where_wanted_frames_are_far_apart_and_not_key_frames_each_is_sought() -> None:
    assert plan(HOUR, (605_000, 1_205_000, 1_805_000), ROUND) == (
        Run(600_000, (605_000,)),
        Run(1_200_000, (1_205_000,)),
        Run(1_800_000, (1_805_000,)),
    )


def test_seeking_is_not_worth_a_few_frames() -> None:
    assert plan(HOUR, (605_000, 606_000, 607_000), ROUND) == (Run(600_000, (605_000, 606_000, 607_000)),)


def test_the_ways_are_mixed_along_the_timeline() -> None:
    dense = every(1)
    sparse = (65_000, 66_000, 67_000, 3_605_000 - 60_000)
    mixed = index(frames=36_000, keys=[*dense, *range(60_000, 3_600_000, 10_000)])
    assert plan(mixed, (*dense, *sparse), ROUND) == (
        Run(None, dense, keys_alone=True),
        Run(60_000, (65_000, 66_000, 67_000)),
        Run(3_540_000, (3_545_000,)),
    )


def test_a_key_frame_on_the_way_of_a_pass_is_taken_from_the_pass() -> None:
    assert plan(MINUTE, (9_000, 10_000, 11_000), ROUND) == (Run(None, (9_000, 10_000, 11_000)),)


def test_one_frame_between_key_frames_does_not_make_a_pass_of_all() -> None:
    assert plan(HOUR, (*every(10, 3600), 3_599_900), ROUND) == (
        Run(None, every(10, 3600), keys_alone=True),
        Run(3_590_000, (3_599_900,)),
    )


def test_where_every_frame_is_a_key_frame_there_is_nothing_to_pass_over() -> None:
    everything = index(frames=600, keys=range(0, 60_000, 100))
    assert plan(everything, tuple(everything.pts_ms), ROUND) == (Run(None, tuple(everything.pts_ms)),)


def test_one_key_frame_in_all_means_one_pass_from_the_start() -> None:
    assert plan(ONLY_THE_FIRST_IS_KEY, (50_000, 59_000), ROUND) == (Run(None, (50_000, 59_000)),)


def test_no_key_frame_at_all_means_one_pass_from_the_start() -> None:
    assert plan(index(frames=600, keys=[]), (0, 59_000), ROUND) == (Run(None, (0, 59_000)),)


# What may not be done


def test_a_decoder_that_does_not_obey_is_never_asked_for_key_frames_alone() -> None:
    assert plan(KEY_EACH_SECOND, every(1), ROUND, Ways(keys_alone=False)) == (Run(None, every(1)),)


def test_a_file_in_which_seeking_is_not_exact_is_decoded_from_its_start() -> None:
    assert plan(HOUR, (605_000, 1_805_000), ROUND, SEQUENTIAL) == (Run(None, (605_000, 1_805_000)),)


def test_key_frames_alone_may_be_exact_where_seeking_is_not() -> None:
    assert plan(HOUR, (600_000, 1_800_000), ROUND, Ways(seek=False)) == (Run(None, (600_000, 1_800_000), keys_alone=True),)


# Where a run begins


def test_a_later_part_is_one_run_from_the_key_frame_before_its_first_frame() -> None:
    assert plan(MINUTE, (35_000, 36_000, 37_000), ROUND) == (Run(30_000, (35_000, 36_000, 37_000)),)


def test_a_key_frame_too_near_cannot_be_sought_so_the_one_before_is_taken() -> None:
    run_up = RUN_UP_FRAMES * 100
    assert seekable_key(MINUTE, before_ms=30_000 + run_up) == 30_000
    assert seekable_key(MINUTE, before_ms=30_000 + run_up - 100) == 20_000
    assert seekable_key(MINUTE, before_ms=30_000) == 20_000


def test_among_key_frames_alone_the_run_up_is_counted_in_key_frames() -> None:
    assert seekable_key(KEY_EACH_SECOND, before_ms=50_000, keys_alone=True) == 50_000 - RUN_UP_FRAMES * 1000
    assert seekable_key(KEY_EACH_SECOND, before_ms=RUN_UP_FRAMES * 1000, keys_alone=True) is None


def test_going_back_to_the_first_key_frame_is_starting_at_the_start() -> None:
    assert seekable_key(MINUTE, before_ms=9_000) is None
    assert seekable_key(MINUTE, before_ms=0) is None


def test_the_run_up_is_counted_in_frames_and_not_in_time() -> None:
    slow = Index(
        zero_ms=0,
        start_ms=0,
        pts_ms=[*range(0, 3000, 100), *range(60_000, 90_000, 1000)],
        key_ms=[0, 2000, 60_000],
        usual_ms=100,
        regular=False,
        duration_ms=90_000,
    )
    assert seekable_key(slow, before_ms=80_000) == 60_000
    assert seekable_key(slow, before_ms=79_000) == 2000


# The real costs, at 1080p and 30 frames a second

VIDEO = {seconds: index(frames=9000, step_ms=33, keys=range(0, 9000 * 33, seconds * 990)) for seconds in (1, 8)}


def ways_of(video: Index, *, fps: float) -> list[tuple[bool, int]]:
    """Of each run for five minutes: whether it decodes key frames alone, and how many frames it is for."""
    times = wanted(Span(0, 9000 * 33 - 60), fps=fps, pts_ms=video.pts_ms, key_ms=video.key_ms)
    return [(run.keys_alone, len(run.wanted_ms)) for run in plan(video, times, costs(1920, 1080))]


@pytest.mark.parametrize(
    ("key_every_s", "fps", "expected"),
    [
        pytest.param(1, 1, [(True, 297)], id="a key frame each second, one frame a second: key frames alone"),
        pytest.param(1, 0.1, [(True, 31)], id="a key frame each second, one frame in ten: key frames alone"),
        pytest.param(8, 0.1, [(True, 30)], id="a key frame each 8 s, one frame in ten: key frames alone"),
        pytest.param(8, 1, [(False, 297)], id="a key frame each 8 s, one frame a second: one pass"),
        pytest.param(1, 8, [(False, 2376)], id="8 frames a second: one pass"),
    ],
)
def test_five_minutes_at_1080p(key_every_s: int, fps: float, expected: list[tuple[bool, int]]) -> None:
    assert ways_of(VIDEO[key_every_s], fps=fps) == expected


# What always holds


@settings(deadline=None, max_examples=200)
@given(
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=300),
    prices=st.tuples(*[st.floats(0.01, 50)] * 5),
    ways=st.builds(Ways, st.booleans(), st.booleans()),
    data=st.data(),
)
def test_every_wanted_frame_is_in_one_run_and_can_be_reached_by_it(
    steps: list[int], prices: tuple[float, float, float, float, float], ways: Ways, data: st.DataObject
) -> None:
    pts = [0]
    for step in steps:
        pts.append(pts[-1] + step)
    keys = sorted(data.draw(st.sets(st.sampled_from(pts))) | {0})
    times = sorted(data.draw(st.sets(st.sampled_from(pts))))
    video = Index(zero_ms=0, start_ms=0, pts_ms=pts, key_ms=keys, usual_ms=100, regular=False, duration_ms=pts[-1] + 1)
    runs = plan(video, times, Costs(*prices), ways)
    assert [time for run in runs for time in run.wanted_ms] == times
    for run in runs:
        assert run.key_ms is None or (ways.seek and run.key_ms in keys and run.key_ms < run.wanted_ms[0])
        assert not run.keys_alone or (ways.keys_alone and set(run.wanted_ms) <= set(keys))
