"""What is found without a model, from the signals of sampled frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.events.detection import Detection
from workers.events.signals import detect
from workers.frames.frame import Signals

QUIET = Signals(luma=120, contrast=50, change=0.02, motion=0.5)
STILL = Signals(luma=120, contrast=50, change=0.0, motion=0.02)
BLACK = Signals(luma=1, contrast=3, change=0.0, motion=0.0)
CUT = Signals(luma=90, contrast=40, change=0.6, motion=60)
MOVING = Signals(luma=120, contrast=50, change=0.1, motion=15)
# Named as in a strip of film: one letter a frame.
STRIP = {"q": QUIET, "s": STILL, "b": BLACK, "c": CUT, "m": MOVING}


def found(strip: str, step_ms: int = 500, /, **replaced: Signals) -> list[tuple[str, int, int]]:
    """Type, first and last frame's position of what is detected in a strip whose first frame has no frame before it."""
    signals = [(STRIP | replaced)[letter] for letter in strip]
    signals[0] = signals[0]._replace(change=None, motion=None)
    return [positions(detection, step_ms) for detection in detect([step_ms * at for at in range(len(strip))], signals)]


def positions(detection: Detection, step_ms: int) -> tuple[str, int, int]:
    return detection.type, detection.first_pts_ms // step_ms, detection.last_pts_ms // step_ms


def kinds(strip: str, **replaced: Signals) -> list[str]:
    return [kind for kind, _, _ in found(strip, **replaced)]


def test_a_quiet_camera_shows_nothing() -> None:
    assert found("q" * 60) == []


def test_no_frames_show_nothing() -> None:
    assert detect([], []) == ()


def test_a_change_that_stands_alone_is_a_cut_at_its_frame() -> None:
    signals = [QUIET, QUIET, CUT, QUIET, QUIET]
    (cut,) = detect([0, 500, 1000, 1500, 2000], signals)
    assert (cut.type, cut.first_pts_ms, cut.instant, cut.description) == ("shot_change", 1000, True, "The shot changes")
    assert (cut.confidence, cut.confidence_source) == (None, None)


def test_a_change_beside_changes_as_large_is_not_a_cut() -> None:
    assert "shot_change" not in kinds("qqqcccqqq")
    assert "shot_change" not in kinds("qqqcxqqq", x=QUIET._replace(change=0.31))
    assert "shot_change" in kinds("qqqcxqqq", x=QUIET._replace(change=0.29))


def test_a_change_of_colours_in_a_picture_that_stays_where_it_is_is_not_a_cut() -> None:
    assert kinds("qqqxqqq", x=CUT._replace(motion=10)) == []
    assert "shot_change" not in kinds("qqqxqqq", x=CUT._replace(motion=30))


def test_flat_pictures_have_no_cuts() -> None:
    flat = Signals(luma=180, contrast=3, change=0.01, motion=0.5)
    assert kinds("fffxfff", f=flat, x=flat._replace(change=0.9, motion=9, luma=189)) == []


def test_a_small_change_of_colours_is_not_a_cut() -> None:
    assert "shot_change" not in kinds("qqqxqqq", x=CUT._replace(change=0.24))


def test_cuts_at_the_window_s_edges_are_left_to_the_window_beside() -> None:
    assert detect([0, 500, 1000], [CUT, QUIET, QUIET]) == ()
    assert "shot_change" not in kinds("qqqqc")
    assert kinds("qcqqq") == ["shot_change"]


def test_a_cut_right_before_the_video_s_last_frame_is_found_as_no_window_comes_after_it() -> None:
    last = [QUIET, QUIET, QUIET, CUT]
    (cut,) = detect([0, 500, 1000, 1500], last, at_end=True)
    assert (cut.type, cut.first_pts_ms, cut.instant) == ("shot_change", 1500, True)
    assert "shot_change" not in [one.type for one in detect([0, 500, 1000], [QUIET, CUT._replace(change=0.4), CUT], at_end=True)]


def test_a_black_stretch_is_told_as_black_and_not_as_cuts_or_a_freeze() -> None:
    into, out = BLACK._replace(change=0.9, motion=118), QUIET._replace(change=0.9, motion=118)
    assert found("qqqibbbbbboqqq", i=into, o=out) == [("black", 3, 9)]


def test_a_dark_scene_is_not_black() -> None:
    assert found("n" * 20, n=QUIET._replace(luma=11, contrast=14)) == []
    assert found("n" * 20, n=QUIET._replace(luma=14, contrast=6)) == []


def test_black_at_the_window_s_edges_is_open() -> None:
    (black,) = detect([0, 500, 1000], [BLACK, BLACK, BLACK])
    assert (black.open_start, black.open_end) == (True, True)


def test_a_picture_that_stands_still_for_two_seconds_is_a_freeze_from_the_first_of_the_equal_frames() -> None:
    assert found("qqqqssssqqq") == [("freeze", 3, 7)]
    assert found("qqqqsssqqq") == []


@pytest.mark.parametrize(
    ("step_ms", "still", "expected"), [(1000, 1, 0), (1000, 2, 1), (2500, 1, 0), (2500, 2, 1), (250, 7, 0), (250, 8, 1)]
)
def test_a_freeze_takes_two_seconds_and_three_frames_at_any_rate(step_ms: int, still: int, expected: int) -> None:
    assert len(found("qqq" + "s" * still + "qqq", step_ms)) == expected


def test_noise_that_moves_or_recolours_the_picture_is_not_a_freeze() -> None:
    assert found("n" * 20, n=STILL._replace(motion=0.21)) == []
    assert found("n" * 20, n=STILL._replace(change=0.011)) == []


def test_a_freeze_is_open_at_the_start_only_if_the_first_frame_is_like_the_one_before_or_nothing_is_known_of_that() -> None:
    times = range(0, 3000, 500)
    assert detect(times, [STILL] * 6)[0].open_start
    assert detect(times, [STILL._replace(change=None, motion=None), *[STILL] * 5])[0].open_start
    (fresh,) = detect(times, [CUT, *[STILL] * 5])
    assert (fresh.first_pts_ms, fresh.open_start, fresh.open_end) == (0, False, True)


def test_a_burst_of_motion_lies_between_the_frames_that_differ() -> None:
    assert found("q" * 20 + "mmmm" + "q" * 20) == [("motion", 20, 22)]
    assert found("q" * 20 + "m" + "q" * 20) == [("motion", 20, 20)]


def test_a_burst_states_a_frame_s_distance_of_slack() -> None:
    signals = [QUIET] * 10 + [MOVING] * 3 + [QUIET] * 10
    (burst,) = detect([400 * at for at in range(23)], signals)
    assert (burst.start_slack_ms, burst.end_slack_ms) == (400, 400)


def test_a_burst_does_not_fall_apart_where_it_eases_off() -> None:
    assert found("q" * 20 + "mmxmm" + "q" * 20, x=MOVING._replace(motion=3)) == [("motion", 20, 23)]
    assert kinds("q" * 20 + "mmxmm" + "q" * 20, x=MOVING._replace(motion=2)) == ["motion", "motion"]


def test_noise_is_not_motion() -> None:
    assert found("q" * 20 + "x" + "q" * 20, x=QUIET._replace(motion=4.4)) == []
    assert found("q" * 20 + "x" + "q" * 20, x=QUIET._replace(motion=4.6)) == [("motion", 20, 20)]


def test_a_cut_is_not_motion() -> None:
    assert kinds("q" * 20 + "c" + "q" * 20) == ["shot_change"]
    assert kinds("q" * 20 + "x" + "m" + "q" * 20, x=CUT._replace(luma=120)) == ["shot_change", "motion"]


def test_what_always_moves_is_no_burst_and_a_burst_rises_above_it() -> None:
    assert found("m" * 40) == []
    assert found("m" * 20 + "x" + "m" * 20, x=MOVING._replace(motion=30)) == [("motion", 20, 20)]
    uneven = {"k": MOVING._replace(motion=10), "l": MOVING._replace(motion=20)}
    assert found("kl" * 20 + "x" + "kl" * 20, x=MOVING._replace(motion=30), **uneven) == []


def test_a_fade_moves_nothing() -> None:
    fade = {letter: QUIET._replace(luma=120 - 20 * number, motion=20.5, change=0.4) for number, letter in enumerate("wxyz", start=1)}
    last = QUIET._replace(luma=40)
    assert found("q" * 20 + "wxyz" + "l" * 20, l=last, **fade) == []


def test_motion_that_goes_on_over_the_window_s_edge_is_open() -> None:
    signals = [MOVING] * 3 + [QUIET] * 20 + [MOVING] * 3
    early, late = detect([500 * at for at in range(26)], signals)
    assert (early.first_pts_ms, early.open_start, early.open_end) == (0, True, False)
    assert (late.last_pts_ms, late.open_start, late.open_end) == (12_500, False, True)


def test_motion_before_the_window_alone_is_not_in_it() -> None:
    assert detect([0, 500, 1000, 1500], [MOVING, QUIET, QUIET, QUIET]) == ()


# Measured of real clips at 2 frames a second, rounded: time, luma, contrast, change, motion.
STREET_FILM = """
0/135/50/-/- 520/136/53/0.11/8.3 1000/132/52/0.16/13.8 1520/74/53/0.64/79.4 2000/89/54/0.22/39.6 2520/93/56/0.10/33.3
3000/96/63/0.12/62.9 3520/91/32/0.48/50.9 4000/91/39/0.21/30.4 4520/72/30/0.29/35.7 5000/72/29/0.03/14.8 5520/105/52/0.45/47.8
6000/112/51/0.08/22.2 6520/112/52/0.04/15.7 7000/114/52/0.04/12.5 7520/105/55/0.27/53.0 8000/103/56/0.07/27.0
8520/113/53/0.10/23.0 9000/117/52/0.05/14.6 9520/118/51/0.02/12.9
"""
ROAD_CAMERA = """
0/114/12/-/- 560/114/12/0.01/0.5 1040/114/12/0.02/0.5 1520/114/12/0.02/0.3 2000/114/12/0.01/0.4 2560/114/12/0.02/0.4
3040/114/12/0.02/0.4 3520/114/12/0.01/0.4 4000/115/12/0.03/0.6 4560/118/22/0.08/3.6 5040/116/31/0.20/10.6 5520/106/41/0.34/20.2
6000/82/43/0.50/33.2 6560/66/40/0.31/25.8 7040/72/36/0.13/17.9 7520/78/28/0.35/16.4 8000/88/19/0.31/16.1 8560/100/13/0.38/15.8
9040/108/12/0.28/8.2 9520/112/12/0.10/3.0 10000/113/12/0.07/1.9 10560/114/12/0.03/0.4 11040/114/12/0.02/0.4 11520/113/12/0.02/0.4
12000/114/12/0.02/0.4 12560/114/12/0.03/0.5 13040/114/12/0.03/0.4 13520/114/12/0.02/0.4 14000/113/12/0.02/0.6
14560/113/13/0.04/1.2 15040/115/22/0.10/4.4 15520/118/29/0.13/8.5 16000/121/37/0.17/12.7 16560/111/44/0.28/26.1
17040/97/42/0.27/26.5 17520/89/38/0.21/20.4 18000/91/24/0.23/18.7 18560/102/16/0.39/18.4 19040/109/13/0.22/8.4
19520/113/12/0.13/4.2 20000/114/12/0.04/0.9 20560/114/12/0.04/0.4 21040/114/12/0.03/0.5 21520/114/12/0.01/0.4
22000/114/12/0.02/0.4 22560/114/12/0.02/0.4 23040/113/12/0.03/0.4 23520/114/12/0.02/0.4 24000/113/12/0.02/0.3
24560/114/12/0.02/0.4 25040/113/12/0.02/0.5 25520/115/23/0.09/3.8 26000/120/33/0.09/8.8 26560/112/47/0.40/28.1
27040/82/46/0.54/41.7 27520/58/34/0.49/28.9 28000/64/10/0.40/19.1 28560/78/11/0.44/13.6 29040/89/11/0.30/10.9
29520/101/12/0.32/12.1 30000/108/12/0.29/7.7
"""


def measured(clip: str) -> list[tuple[str, int, int]]:
    rows = [[None if value == "-" else float(value) for value in row.split("/")] for row in clip.split()]
    detections = detect([int(row[0] or 0) for row in rows], [Signals(*row[1:]) for row in rows])  # type: ignore[arg-type]
    return [(detection.type, detection.first_pts_ms, detection.last_pts_ms) for detection in detections]


def test_the_cuts_of_a_film_are_found_and_nothing_else_is_taken_for_one() -> None:
    cuts_s = [frame / 25 for frame in (30, 76, 137, 187)]
    found_ms = [first for kind, first, _ in measured(STREET_FILM) if kind == "shot_change"]
    assert len(found_ms) == len(cuts_s)
    assert all(first - 520 < 1000 * cut_s <= first for first, cut_s in zip(found_ms, cuts_s, strict=True))


def test_cars_under_a_camera_are_motion_though_they_fill_the_picture() -> None:
    assert measured(ROAD_CAMERA) == [("motion", 5040, 8000), ("motion", 15520, 18000), ("motion", 26000, 27520)]


frames = st.lists(
    st.builds(
        Signals,
        st.sampled_from([0.0, 5.0, 60.0, 120.0]),
        st.sampled_from([0.0, 5.0, 50.0]),
        st.sampled_from([None, 0.0, 0.1, 0.3, 0.9]),
        st.sampled_from([None, 0.0, 0.1, 3.0, 20.0, 60.0]),
    ),
    max_size=40,
)


@given(frames, st.integers(250, 1000))
def test_whatever_was_measured_detections_lie_on_frames_in_order_and_say_when_they_are_open(signals: list[Signals], step_ms: int) -> None:
    times = [step_ms * at for at in range(len(signals))]
    detections = detect(times, signals)
    assert list(detections) == sorted(detections, key=lambda detection: detection.first_pts_ms)
    for detection in detections:
        assert detection.first_pts_ms in times
        assert detection.last_pts_ms in times
        assert detection.first_pts_ms <= detection.last_pts_ms
        assert not detection.open_start or detection.first_pts_ms == times[0]
        assert detection.instant or detection.open_end == (detection.last_pts_ms == times[-1])
