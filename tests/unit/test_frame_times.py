"""The times that the model reads and writes."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span
from workers.model.frame_times import Shown, label, labels, nearest, sampling_gap_ms

WINDOW = Span(56_000, 120_000)


def spread(start_ms: int, steps_ms: list[int]) -> list[int]:
    return list(accumulate(steps_ms, initial=start_ms))


@pytest.mark.parametrize(
    ("frames", "texts"),
    [
        pytest.param([56_000, 57_000, 58_500], ("0.0", "1.0", "2.5"), id="tenths"),
        pytest.param([56_033, 57_034, 58_000], ("0.0", "1.0", "2.0"), id="29.97 frames a second, one sampled a second"),
        pytest.param([56_000, 56_040, 56_080], ("0.00", "0.04", "0.08"), id="closer than a tenth"),
        pytest.param([56_000, 56_003], ("0.000", "0.003"), id="closer than a hundredth"),
    ],
)
def test_a_text_has_as_many_decimals_as_tell_the_frames_apart(frames: list[int], texts: tuple[str, ...]) -> None:
    assert labels(frames, WINDOW) == texts


def test_a_label_counts_from_the_start_of_the_window() -> None:
    assert label(68_500, WINDOW, places=1) == "12.5"
    assert label(68_500, WINDOW) == "12.500"


@given(
    start_ms=st.integers(0, 90_000_000),
    lead_ms=st.integers(0, 2000),
    steps_ms=st.lists(st.integers(1, 5000), max_size=80),
    unit_ms=st.sampled_from([1, 10, 100]),
)
def test_every_text_stands_for_exactly_one_frame(start_ms: int, lead_ms: int, steps_ms: list[int], unit_ms: int) -> None:
    frames = spread(start_ms + lead_ms * unit_ms, [step * unit_ms for step in steps_ms])
    window = Span(start_ms, frames[-1] + 1)
    texts = labels(frames, window)
    assert len(set(texts)) == len(frames)
    assert [nearest(float(text), frames, window) for text in texts] == [Shown(pts_ms, 0) for pts_ms in frames]


@pytest.mark.parametrize(
    ("time_s", "shown"),
    [
        pytest.param(1.0, Shown(57_000, 0), id="as printed"),
        pytest.param(1.4, Shown(57_000, 400), id="past a frame"),
        pytest.param(1.6, Shown(58_000, 400), id="short of a frame"),
        pytest.param(1.5, Shown(57_000, 500), id="in the middle: the earlier"),
        pytest.param(-3.0, Shown(56_000, 3000), id="before all"),
        pytest.param(9.5, Shown(58_000, 7500), id="after all"),
    ],
)
def test_a_stated_time_means_the_nearest_frame_and_tells_how_near(time_s: float, shown: Shown) -> None:
    assert nearest(time_s, [56_000, 57_000, 58_000], WINDOW) == shown


def test_the_sampling_gap_is_the_usual_one_not_the_longest() -> None:
    assert sampling_gap_ms([56_000, 57_000, 58_000, 90_000], WINDOW) == 1000
    assert sampling_gap_ms([56_000], WINDOW) == WINDOW.length_ms
