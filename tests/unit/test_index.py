"""What the packet index makes of the packets."""

from collections.abc import Sequence
from math import inf

import pytest

from core.spans import Span
from workers.frames.containers.ending import Ending
from workers.frames.index import Edits, Packets, build, round_ms
from workers.frames.lag import as_shown, lag_frames


def packets(times: Sequence[float], *, keys: Sequence[float] = (0,), failed_after: Sequence[int] = ()) -> Packets:
    return Packets(times, [int(time in keys) for time in times], failed_after)


EVERY_100_MS = [float(time) for time in range(0, 10_000, 100)]


def test_frames_are_in_the_order_of_presentation_and_count_from_the_first() -> None:
    index = build(packets([500.0, 800.0, 600.0, 700.0], keys=[500.0]), frame_rate=10)
    assert list(index.pts_ms) == [0, 100, 200, 300]
    assert list(index.key_ms) == [0]
    assert index.zero_ms == 500
    assert index.time_of(800.0) == 300


@pytest.mark.parametrize(
    ("time", "rounded"),
    [(33.366, 33), (66.5, 67), (62.49, 62), (62.49999999999999, 63), (62.50000000000001, 63), (0.0, 0), (-0.4, 0)],
)
def test_a_time_is_rounded_half_up_whatever_the_last_bits_of_the_double_say(time: float, rounded: int) -> None:
    assert round_ms(time) == rounded


def test_rounding_happens_once_after_subtracting_the_first_time() -> None:
    index = build(packets([0.4, 33.8, 67.2], keys=[0.4]), frame_rate=30)
    assert list(index.pts_ms) == [0, 33, 67]


def test_the_duration_includes_the_last_frame_s_own() -> None:
    assert build(packets(EVERY_100_MS), frame_rate=10).duration_ms == 10_000
    assert build(packets([0.0]), frame_rate=25).duration_ms == 40


def test_the_rate_of_a_film_is_the_mean_of_its_steps_and_not_a_rounded_one() -> None:
    index = build(packets([number * 1001 / 30 for number in range(300)]), frame_rate=29.97)
    assert index.usual_ms == pytest.approx(33.367, abs=0.01)
    assert index.regular


def test_frames_before_the_first_key_frame_cannot_be_shown() -> None:
    index = build(packets([300.0, 100.0, 0.0, 200.0, 400.0], keys=[300.0]), frame_rate=10)
    assert list(index.pts_ms) == [0, 100]
    assert index.zero_ms == 300


def test_an_edit_list_withholds_frames_before_its_zero_and_after_its_end() -> None:
    edits = Edits(shift_ms=-800, until_ms=4270)
    index = build(packets([float(time) for time in range(0, 5300, 100)]), frame_rate=10, edits=edits)
    assert index.zero_ms == 0
    assert (index.pts_ms[0], index.pts_ms[-1], index.duration_ms) == (0, 4200, 4300)
    assert list(index.key_ms) == []
    assert index.others == 10


def test_a_variable_rate_is_told_from_a_constant_one() -> None:
    assert build(packets(EVERY_100_MS), frame_rate=10).regular
    assert not build(packets([0.0, 40.0, 100.0, 500.0, 1000.0, 1033.0, 2500.0]), frame_rate=10).regular


def test_a_long_silence_in_a_steady_rhythm_is_a_hole_up_to_the_next_key_frame() -> None:
    times = [time for time in EVERY_100_MS if not 3000 <= time < 5000]
    index = build(packets(times, keys=[0, 6000]), frame_rate=10)
    # From before the last frame, which may be damaged itself; what follows the silence refers to frames that are lost.
    assert index.holes == (Span(2800, 6000),)
    assert [time for time in index.pts_ms if 2800 <= time <= 6000] == [2800, 6000]
    assert index.duration_ms == 10_000


def test_frames_decoded_after_the_last_one_before_a_silence_refer_to_it_and_fall_with_it() -> None:
    before = [0.0, 300.0, 100.0, 200.0, 600.0, 400.0, 500.0]
    index = build(packets([*before, *EVERY_100_MS[30:]], keys=[0, 3000]), frame_rate=10)
    assert index.holes == (Span(300, 3000),)


def test_a_short_silence_is_a_hole_only_where_reads_failed() -> None:
    times = [time for time in EVERY_100_MS if time not in {3000, 3100}]
    assert build(packets(times), frame_rate=10).holes == ()
    assert build(packets(times, failed_after=[30]), frame_rate=10).holes == (Span(2800, 3200),)


def test_a_variable_rate_may_be_silent_for_long() -> None:
    times = [0.0, 40.0, 100.0, 500.0, 1000.0, 1033.0, 2500.0, 60_000.0]
    assert build(packets(times), frame_rate=10).holes == ()


def test_a_variable_rate_has_holes_where_reads_failed() -> None:
    times = [0.0, 40.0, 100.0, 500.0, 1000.0, 1033.0, 2500.0, 60_000.0]
    assert build(packets(times, failed_after=[7]), frame_rate=10).holes == (Span(1033, 60_000),)


def test_an_edit_list_knows_of_a_beginning_that_cannot_be_read() -> None:
    index = build(packets(EVERY_100_MS[20:], keys=[2000], failed_after=[0] * 20), frame_rate=10, edits=Edits())
    assert index.zero_ms == 0
    assert index.pts_ms[0] == 2000
    assert index.holes[0].end_ms == 2000
    assert index.holes[0].start_ms <= 0


def test_a_file_that_was_cut_off_lasts_as_long_as_it_promised_and_has_a_hole_at_its_end() -> None:
    index = build(packets(EVERY_100_MS), frame_rate=10, edits=Edits(until_ms=inf), ending=Ending(cut_off=True, promised_ms=25_000))
    assert index.duration_ms == 25_000
    assert index.holes == (Span(9800, 25_000),)


def test_a_promise_on_the_container_s_clock_counts_from_its_zero() -> None:
    found = Packets(EVERY_100_MS, [1] * 100, (), [float(number + 20) for number in range(100)])
    index = build(found, frame_rate=10, ending=Ending(cut_off=True, promised_ms=25_000, on_clock=True))
    assert (index.start_ms, index.duration_ms) == (2000, 23_000)


def test_where_frames_lag_the_last_packet_may_be_shown_earlier() -> None:
    index = build(packets(EVERY_100_MS), frame_rate=10, ending=Ending(cut_off=True), lag=2)
    assert index.holes == (Span(9600, 10_000),)


def test_the_start_is_what_is_written_in_the_file_where_it_is_written() -> None:
    found = Packets(EVERY_100_MS, [1] * 100, (), [float(number + 14) for number in range(100)])
    assert build(found, frame_rate=10).start_ms == 1400
    assert build(found, frame_rate=10, ending=Ending(starts_ms=(1527.4, 1427.4, 1327.4))).start_ms == 1427
    assert build(found, frame_rate=10, ending=Ending(starts_ms=(9000.0,))).start_ms == 1400


def test_the_container_s_start_is_found_between_its_whole_frames() -> None:
    times = [float(time) for time in range(0, 1000, 33)]
    found = Packets(times, [1] * len(times), (), [round((time + 1480) * 25 / 1000) for time in times])
    assert build(found, frame_rate=25).start_ms == pytest.approx(1480, abs=20)


def test_an_edit_list_tells_the_container_s_start() -> None:
    assert build(packets(EVERY_100_MS), frame_rate=10, edits=Edits(start_ms=5000)).start_ms == 5000


def test_times_that_are_none_make_no_start() -> None:
    found = Packets(EVERY_100_MS, [1] * 100, (), [-1e17] * 64)
    assert build(found, frame_rate=10).start_ms == 0


def test_where_frames_lag_the_last_ones_come_without_a_position() -> None:
    told = as_shown(packets([0.0, 40.0, 80.0, 120.0, 160.0], keys=[0]), lag=2)
    assert list(told.times_ms) == [80.0, 120.0, 160.0, 200.0, 240.0]
    index = build(told, frame_rate=25, lag=2)
    assert list(index.pts_ms) == [0, 40, 80, 120, 160]
    assert [index.time_of(position, after_ms=after) for position, after in ((80.0, -1), (160.0, 40), (0.0, 80), (0.0, 120))] == [
        0,
        80,
        120,
        160,
    ]
    assert index.time_of(0.0) >= index.duration_ms


def test_a_lag_is_what_goes_into_the_decoder_before_the_first_frame_comes_out() -> None:
    assert lag_frames(packets([0.0, 40.0, 80.0, 120.0], keys=[0]), 80.0) == 2
    assert lag_frames(packets([0.0, 40.0, 80.0, 120.0], keys=[40]), 120.0) == 2
    assert lag_frames(packets([0.0, 40.0, 80.0, 120.0], keys=[0]), 0.0) == 0


def test_a_key_frame_that_lags_is_put_where_it_comes_at_the_latest() -> None:
    told = as_shown(packets([float(time) for time in range(0, 800, 40)], keys=[0, 400]), lag=1)
    assert list(build(told, frame_rate=25, lag=1).key_ms) == [0, 400 + 3 * 40]
