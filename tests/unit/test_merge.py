"""One event for each occurrence, whatever the windows: examples of the rules, then properties over arbitrary videos."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spans import Span
from workers.events.detection import Detection, MergedEvent, WindowResult
from workers.events.merge import merge

# --- By hand: two windows of a minute, a frame a second, eight seconds shared ---

MINUTE = 64
HOP = 56


def window(seq: int, *detections: Detection, start_s: int | None = None, length_s: int = MINUTE) -> WindowResult:
    start_s = HOP * seq if start_s is None else start_s
    frames = tuple(range(start_s * 1000, (start_s + length_s) * 1000, 1000))
    return WindowResult(UUID(int=100 + seq), seq, Span(start_s * 1000, (start_s + length_s) * 1000), frames, detections)


def seen(first_s: int, last_s: int, kind: str = "walk", text: str = "A man walks", *, opens: str = "", **more: object) -> Detection:
    return Detection(
        type=kind,
        description=text,
        first_pts_ms=first_s * 1000,
        last_pts_ms=last_s * 1000,
        open_start="<" in opens,
        open_end=">" in opens,
        **more,  # type: ignore[arg-type]
    )


def spans(*windows: WindowResult, duration_s: int = 1000) -> list[tuple[float, float]]:
    return [(event.start_ms / 1000, event.end_ms / 1000) for event in merge(windows, duration_ms=duration_s * 1000)]


def test_an_event_seen_whole_by_two_windows_is_one() -> None:
    (event,) = merge([window(0, seen(58, 60)), window(1, seen(58, 60))], duration_ms=120_000)
    assert (event.start_ms, event.end_ms, event.start_uncertainty_ms, event.end_uncertainty_ms) == (57_500, 60_500, 500, 500)
    assert event.window_ids == (UUID(int=100), UUID(int=101))


def test_an_event_that_crosses_a_border_is_stitched() -> None:
    assert spans(window(0, seen(50, 63, opens=">")), window(1, seen(56, 70, opens="<"))) == [(49.5, 70.5)]


def test_an_event_is_stitched_over_any_number_of_windows() -> None:
    middle = [window(seq, seen(HOP * seq, HOP * seq + 63, opens="<>")) for seq in range(1, 30)]
    assert spans(window(0, seen(50, 63, opens=">")), *middle, window(30, seen(1680, 1690, opens="<")), duration_s=2000) == [(49.5, 1690.5)]


def test_other_types_do_not_merge() -> None:
    assert len(spans(window(0, seen(58, 60)), window(1, seen(58, 60, "run")))) == 2


def test_an_instant_and_a_stretch_do_not_merge() -> None:
    assert len(spans(window(0, seen(58, 60)), window(1, seen(58, 58, instant=True)))) == 2


def test_spans_that_do_not_meet_do_not_merge() -> None:
    assert spans(window(0, seen(50, 57)), window(1, seen(59, 70))) == [(49.5, 57.5), (58.5, 70.5)]


def test_a_repetition_inside_one_window_is_two_events() -> None:
    assert len(spans(window(0, seen(10, 12), seen(13, 15)))) == 2


def test_a_window_that_is_missing_is_not_bridged() -> None:
    events = merge([window(0, seen(50, 63, opens=">")), window(2, seen(112, 120, opens="<"))], duration_ms=1_000_000)
    assert [(event.start_ms, event.end_ms) for event in events] == [(49_500, 64_000), (112_000, 120_500)]
    # Nobody knows what went on in between, and both events say so.
    assert events[0].end_uncertainty_ms == 112_000 - 64_000
    assert events[1].start_uncertainty_ms == 112_000 - 63_000


def test_frames_lost_beside_a_missing_window_move_the_stated_boundary_to_the_last_look() -> None:
    plain = window(2, seen(115, 120))
    late = replace(plain, frame_pts_ms=plain.frame_pts_ms[3:])
    early = replace(window(0), frame_pts_ms=window(0).frame_pts_ms[:61], detections=(seen(50, 60),))
    assert spans(early, late) == [(49.5, 61), (115, 120.5)]


def test_windows_that_only_touch_are_stitched_where_both_ends_are_open() -> None:
    earlier, later = window(0, seen(60, 63, opens=">")), window(1, seen(64, 70, opens="<"), start_s=64)
    assert spans(earlier, later) == [(59.5, 70.5)]


@pytest.mark.parametrize(("left", "right"), [("", "<"), (">", ""), ("", "")])
def test_windows_that_only_touch_are_not_stitched_where_an_end_is_closed(left: str, right: str) -> None:
    assert len(spans(window(0, seen(60, 63, opens=left)), window(1, seen(64, 70, opens=right), start_s=64))) == 2


def test_two_occurrences_stay_two_where_the_earlier_window_saw_one() -> None:
    earlier, later = window(0, seen(50, 63, opens=">")), window(1, seen(56, 57, opens="<"), seen(59, 80))
    assert spans(earlier, later) == [(49.5, 57.5), (58.5, 80.5)]


def test_two_occurrences_stay_two_where_the_later_window_saw_one() -> None:
    earlier, later = window(0, seen(50, 60), seen(62, 63, opens=">")), window(1, seen(56, 80, opens="<"))
    assert spans(earlier, later) == [(49.5, 60.5), (61.5, 80.5)]


@pytest.mark.parametrize("coarse", ["earlier", "later"])
@pytest.mark.parametrize("fine", [(seen(57, 59), seen(61, 63)), (seen(57, 58), seen(60, 63)), (seen(57, 60), seen(62, 63))])
def test_two_occurrences_stay_two_and_as_sure_where_the_other_window_saw_one_inside_the_shared_stretch(
    coarse: str, fine: tuple[Detection, Detection]
) -> None:
    whole = seen(57, 63)
    windows = [window(0, whole), window(1, *fine)] if coarse == "earlier" else [window(0, *fine), window(1, whole)]
    first, second = merge(windows, duration_ms=120_000)
    assert first.start_ms == 56_500
    assert first.end_ms == fine[0].last_pts_ms + 500
    assert second.start_ms == fine[1].first_pts_ms - 500
    assert second.end_ms == 63_500
    assert {first.start_uncertainty_ms, first.end_uncertainty_ms, second.start_uncertainty_ms, second.end_uncertainty_ms} == {500}


def test_an_occurrence_inside_another_does_not_split_it() -> None:
    assert spans(window(0, seen(50, 60), seen(57, 58)), window(1, seen(56, 61))) == [(49.5, 61.5), (56.5, 58.5)]


def test_two_alike_at_the_same_time_are_told_apart_by_their_descriptions() -> None:
    red, blue = "A red car drives by", "A blue van drives by"
    earlier = window(0, seen(50, 63, text=red, opens=">"), seen(40, 63, text=blue, opens=">"))
    later = window(1, seen(56, 90, text=blue, opens="<"), seen(56, 70, text=red, opens="<"))
    events = merge([earlier, later], duration_ms=120_000)
    assert [(event.description, event.start_ms, event.end_ms) for event in events] == [(blue, 39_500, 90_500), (red, 49_500, 70_500)]


def test_what_more_than_two_windows_see_is_one_event_also_if_the_one_between_missed_it() -> None:
    windows = [window(seq, *([seen(50, 55)] if seq != 1 else []), start_s=20 * seq) for seq in range(3)]
    assert spans(*windows) == [(49.5, 55.5)]


def test_two_that_a_third_window_saw_stay_two_where_an_earlier_one_saw_one() -> None:
    windows = [window(0, seen(50, 55)), window(1, seen(50, 55), start_s=20), window(2, seen(50, 52), seen(54, 55), start_s=40)]
    assert [len(event.window_ids) for event in merge(windows, duration_ms=120_000)] == [3, 1]


def test_an_open_end_is_taken_at_its_word() -> None:
    assert spans(window(0), window(2, seen(130, 135, opens="<"))) == [(112, 135.5)]
    assert spans(window(0, seen(50, 55, opens=">")), window(2)) == [(49.5, 64)]


def test_a_boundary_comes_from_the_window_that_saw_it_farther_from_its_edge() -> None:
    assert spans(window(0, seen(40, 58)), window(1, seen(56, 59, opens="<"))) == [(39.5, 58.5)]
    assert spans(window(0, seen(40, 62)), window(1, seen(56, 61, opens="<"))) == [(39.5, 61.5)]
    assert spans(window(0, seen(58, 63, opens=">")), window(1, seen(59, 90))) == [(57.5, 90.5)]
    assert spans(window(0, seen(62, 63, opens=">")), window(1, seen(61, 90))) == [(60.5, 90.5)]


def test_windows_that_contradict_each_other_leave_the_word_to_the_one_that_saw_most() -> None:
    windows = [
        window(0, seen(10, 12), start_s=0, length_s=32),
        window(1, seen(12, 20), start_s=3, length_s=26),
        window(2, seen(19, 30), start_s=8, length_s=32),
    ]
    (event,) = merge(windows, duration_ms=120_000)
    assert (event.start_ms, event.end_ms) == (18_500, 30_500)
    assert event.start_ms - event.start_uncertainty_ms <= 9500
    assert event.end_ms - event.end_uncertainty_ms <= 12_500


def test_windows_that_disagree_widen_the_uncertainty_to_hold_what_both_say() -> None:
    (event,) = merge([window(0, seen(58, 60)), window(1, seen(60, 63))], duration_ms=120_000)
    assert (event.start_ms, event.end_ms) == (57_500, 63_500)
    assert event.start_uncertainty_ms == 60_000 - 57_500
    assert event.end_uncertainty_ms == 63_500 - 60_000


def test_a_window_that_saw_it_going_on_before_it_began_widens_the_uncertainty() -> None:
    (event,) = merge([window(0, seen(60, 63, opens=">")), window(1, seen(56, 70, opens="<"))], duration_ms=120_000)
    assert (event.start_ms, event.start_uncertainty_ms) == (59_500, 3500)


def test_a_window_that_saw_it_going_on_after_it_ended_widens_the_uncertainty() -> None:
    (event,) = merge([window(0, seen(50, 63, opens=">")), window(1, seen(56, 58, opens="<"))], duration_ms=120_000)
    assert (event.end_ms, event.end_uncertainty_ms) == (58_500, 4500)


def test_a_window_has_no_say_about_a_boundary_where_it_did_not_look() -> None:
    (event,) = merge([window(0, seen(40, 62)), window(1, seen(58, 90))], duration_ms=1_000_000)
    assert (event.start_uncertainty_ms, event.end_uncertainty_ms) == (500, 500)


def test_denser_frames_of_another_window_do_not_count_as_disagreement() -> None:
    dense = WindowResult(UUID(int=9), 1, Span(56_000, 66_000), tuple(range(56_000, 66_000, 250)), (seen(58, 60),))
    (event,) = merge([window(0, seen(58, 60)), dense], duration_ms=120_000)
    assert max(event.start_uncertainty_ms, event.end_uncertainty_ms) <= 500


def test_an_open_end_that_the_next_window_did_not_see_is_unsure_as_far_as_the_two_disagree() -> None:
    (event,) = merge([window(0, seen(50, 63, opens=">")), window(1)], duration_ms=120_000)
    assert (event.end_ms, event.end_uncertainty_ms) == (63_500, 7500)


def test_an_open_start_that_the_window_before_did_not_see_is_unsure_as_far_as_the_two_disagree() -> None:
    (event,) = merge([window(0), window(1, seen(56, 70, opens="<"))], duration_ms=120_000)
    assert (event.start_ms, event.start_uncertainty_ms) == (56_000, 7000)


def test_the_video_s_own_ends_are_the_event_s_ends() -> None:
    (event,) = merge([window(0, seen(0, 63, opens="<>"))], duration_ms=63_900)
    assert (event.start_ms, event.end_ms) == (0, 63_900)
    assert (event.start_uncertainty_ms, event.end_uncertainty_ms) == (0, 900)


def test_a_cut_lies_between_its_frame_and_the_one_before_and_is_one_millisecond_long() -> None:
    cuts = [window(0, seen(60, 60, "cut", instant=True)), window(1, seen(60, 60, "cut", instant=True))]
    (event,) = merge(cuts, duration_ms=120_000)
    assert (event.start_ms, event.end_ms) == (59_500, 59_501)
    assert (event.start_uncertainty_ms, event.end_uncertainty_ms) == (500, 500)
    assert event.evidence_pts_ms == 60_000


def test_a_cut_at_a_window_s_first_frame_lies_after_the_last_frame_of_the_window_before() -> None:
    touching = [window(0), window(1, seen(64, 64, "cut", instant=True), start_s=64)]
    (event,) = merge(touching, duration_ms=128_000)
    assert (event.start_ms, event.end_ms, event.start_uncertainty_ms) == (64_000, 64_001, 1000)
    overlapping = [window(0, seen(56, 56, "cut", instant=True)), window(1, seen(56, 56, "cut", instant=True))]
    (event,) = merge(overlapping, duration_ms=128_000)
    assert (event.start_ms, event.start_uncertainty_ms) == (55_500, 500)


def test_cuts_one_frame_apart_are_two() -> None:
    cuts = (seen(60, 60, "cut", instant=True), seen(61, 61, "cut", instant=True))
    assert spans(window(0, *cuts), window(1, *cuts)) == [(59.5, 59.501), (60.5, 60.501)]


def test_the_key_names_the_earliest_detection_and_stays_when_later_windows_extend_the_event() -> None:
    first, second = window(0, seen(10, 12), seen(50, 63, opens=">")), window(1, seen(56, 70, opens="<"))
    (_, before), (_, after) = merge([first], duration_ms=120_000), merge([first, second], duration_ms=120_000)
    assert before.key == after.key == f"{first.window_id}:1"
    assert before.end_ms < after.end_ms


def test_the_window_that_saw_most_of_it_describes_it_and_the_others_add_what_it_did_not_say() -> None:
    short = seen(56, 59, text="Somebody", opens="<", attributes={"colour": "grey", "side": "left"})
    long = seen(20, 59, text="A man in red walks in, then sits.", attributes={"colour": "red"})
    (event,) = merge([window(0, long), window(1, short)], duration_ms=120_000)
    assert event.description == "A man in red walks in, then sits."
    assert event.title == "A man in red walks in"
    assert event.attributes == {"colour": "red", "side": "left"}
    ends = seen(56, 90, text="He leaves", opens="<", attributes={"colour": "blue"})
    (event,) = merge([window(0, replace(long, last_pts_ms=63_000)), window(1, ends)], duration_ms=120_000)
    assert (event.description, event.attributes) == ("A man in red walks in, then sits.", {"colour": "red"})
    (event,) = merge([window(0, replace(long, first_pts_ms=50_000)), window(1, ends)], duration_ms=120_000)
    assert (event.description, event.attributes) == ("He leaves", {"colour": "blue"})


def test_the_title_is_a_clause_of_at_most_80_characters() -> None:
    def title(text: str) -> str:
        return merge([window(0, seen(10, 12, "door_opens", text))], duration_ms=120_000)[0].title

    assert title("") == "door opens"
    assert title("A door opens.") == "A door opens"
    assert title("A 1.5 m high door opens; nobody enters") == "A 1.5 m high door opens"
    assert title("Red, heavy door opens") == "Red, heavy door opens"
    assert title("word " * 40).endswith(" …")
    assert all(len(title(text)) <= 80 for text in ("word " * 40, "x" * 200, "w" * 100 + " x"))


def test_confidence_is_the_mean_by_time_seen_and_keeps_its_source() -> None:
    long = seen(24, 63, opens=">", confidence=0.9, confidence_source="model")
    short = seen(56, 69, opens="<", confidence=0.3, confidence_source="model")
    silent = window(2, seen(200, 210))
    event, other = merge([window(0, long), window(1, short), silent], duration_ms=1_000_000)
    assert event.confidence == pytest.approx(0.75, abs=0.001)
    assert event.confidence_source == "model"
    assert (other.confidence, other.confidence_source) == (None, None)
    (event,) = merge([window(0, long), window(1, replace(short, confidence_source="votes"))], duration_ms=1_000_000)
    assert (event.confidence, event.confidence_source) == (0.9, "model")


def test_the_evidence_is_the_middle_frame_and_in_a_window_that_has_it() -> None:
    windows = [window(0, seen(60, 63, opens=">")), window(1, seen(56, 90, opens="<"))]
    (event,) = merge(windows, duration_ms=120_000)
    assert event.evidence_pts_ms == 75_000
    assert event.evidence_window_id == UUID(int=101)


def test_times_that_no_frame_has_are_taken_to_the_frames_beside_them() -> None:
    odd = Detection(type="walk", description="", first_pts_ms=10_400, last_pts_ms=12_700)
    past = Detection(type="walk", description="", first_pts_ms=90_000, last_pts_ms=95_000)
    assert spans(window(0, odd, past)) == [(10.5, 12.5), (62.5, 64.0)]


def test_a_window_without_frames_says_nothing() -> None:
    assert merge([WindowResult(UUID(int=1), 0, Span(0, 1000), (), ())], duration_ms=1000) == []


# --- Over arbitrary videos ---


@dataclass(frozen=True)
class Truth:
    type: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Video:
    """The frames that are sampled of a video, cut into windows of `length` frames that share `overlap`, and what happens in it."""

    frames: tuple[int, ...]
    duration_ms: int
    length: int
    overlap: int
    truths: tuple[Truth, ...]

    def windows(self) -> list[WindowResult]:
        starts = list(range(0, max(1, len(self.frames) - self.overlap), self.length - self.overlap))
        return [self.window(seq, start) for seq, start in enumerate(starts)]

    def window(self, seq: int, start: int) -> WindowResult:
        frames = self.frames[start : start + self.length]
        end_ms = self.frames[start + self.length] if start + self.length < len(self.frames) else self.duration_ms
        detections = tuple(found for truth in self.truths if (found := observed(truth, frames)))
        return WindowResult(UUID(int=1000 + seq), seq, Span(frames[0], end_ms), frames, detections)

    def seen(self) -> list[Truth]:
        return sorted(
            (truth for truth in self.truths if observed(truth, self.frames)), key=lambda truth: (truth.start_ms, truth.end_ms, truth.type)
        )


def observed(truth: Truth, frames: Sequence[int]) -> Detection | None:
    """What a perfect observer of these frames says."""
    shown = [pts for pts in frames if truth.start_ms <= pts < truth.end_ms]
    if not shown:
        return None
    return Detection(truth.type, "A thing happens", shown[0], shown[-1], shown[0] == frames[0], shown[-1] == frames[-1])


@st.composite
def timelines(draw: st.DrawFn, *, fewest_shared: int = 0) -> Video:
    steps = draw(st.lists(st.integers(200, 1500), min_size=3, max_size=80))
    frames = [0]
    for step in steps:
        frames.append(frames[-1] + step)
    duration_ms = frames[-1] + draw(st.integers(1, 1500))
    length = draw(st.integers(max(2, fewest_shared + 1), 20))
    overlap = draw(st.integers(fewest_shared, length - 1))
    return Video(tuple(frames), duration_ms, length, overlap, ())


@st.composite
def videos(draw: st.DrawFn, *, fewest_shared: int = 0) -> Video:
    """Events of one type are at least two frames apart, or lie back to back with other types; some last for many windows."""
    video = draw(timelines(fewest_shared=fewest_shared))
    edges = (*video.frames, video.duration_ms)
    truths = []
    for kind in draw(st.sampled_from(["a", "ab", "abc"])):
        at = draw(st.integers(0, 12))
        while at < len(video.frames):
            last = min(at + draw(st.integers(0, 40)), len(video.frames) - 1)
            start_ms = draw(st.integers(edges[at - 1] + 1, edges[at])) if at else 0
            truths.append(Truth(kind, start_ms, draw(st.integers(edges[last] + 1, edges[last + 1]))))
            at = last + draw(st.integers(2, 20))
    return Video(video.frames, video.duration_ms, video.length, video.overlap, tuple(truths))


@st.composite
def wild_windows(draw: st.DrawFn) -> tuple[list[WindowResult], int]:
    """Windows, some missing, whose detections are anything at all that the shapes allow."""
    video = draw(timelines())
    windows = []
    for plain in video.windows():
        if draw(st.booleans()) or draw(st.booleans()):
            pts = st.sampled_from(plain.frame_pts_ms)
            detection = st.builds(
                lambda kind, one, other, opens, instant, slack: Detection(
                    kind,
                    kind,
                    min(one, other),
                    max(one, other),
                    "<" in opens,
                    ">" in opens,
                    instant,
                    start_slack_ms=slack,
                    end_slack_ms=slack,
                ),
                st.sampled_from("ab"),
                pts,
                pts,
                st.sampled_from(["", "", "<", ">", "<>"]),
                st.sampled_from([False, False, True]),
                st.sampled_from([0, 0, 700]),
            )
            found = tuple(draw(st.lists(detection, max_size=5)))
            windows.append(WindowResult(plain.window_id, plain.seq, plain.span, plain.frame_pts_ms, found))
    return windows, video.duration_ms


def stated(events: Iterable[MergedEvent]) -> list[tuple[str, int, int]]:
    return [(event.type, event.start_ms, event.end_ms) for event in events]


@given(videos())
@settings(max_examples=200, deadline=None)
def test_a_perfect_observer_gets_the_truth_back_each_event_once_and_each_boundary_inside_its_uncertainty(video: Video) -> None:
    events, truths = merge(video.windows(), duration_ms=video.duration_ms), video.seen()
    for kind in "abc":
        found = [event for event in events if event.type == kind]
        expected = [truth for truth in truths if truth.type == kind]
        assert len(found) == len(expected)
        for event, truth in zip(found, expected, strict=True):
            assert abs(event.start_ms - truth.start_ms) <= event.start_uncertainty_ms
            assert abs(event.end_ms - truth.end_ms) <= event.end_uncertainty_ms
            assert truth.start_ms <= event.evidence_pts_ms < truth.end_ms


@given(videos(fewest_shared=1))
@settings(max_examples=200, deadline=None)
def test_where_windows_share_a_frame_no_boundary_is_less_sure_than_half_the_distance_of_its_frames(video: Video) -> None:
    ends = (*video.frames, video.duration_ms)
    events = merge(video.windows(), duration_ms=video.duration_ms)
    for event in events:
        shown = [position for position, pts in enumerate(video.frames) if event.start_ms <= pts < event.end_ms]
        before, after = ends[shown[0] - 1] if shown[0] else 0, ends[shown[-1] + 1]
        assert event.start_uncertainty_ms == (video.frames[shown[0]] - before + 1) // 2
        half = 1 if after == video.duration_ms else 2
        assert event.end_uncertainty_ms == (after - video.frames[shown[-1]] + half - 1) // half
        assert event.window_ids == tuple(
            window.window_id for window in video.windows() if set(window.frame_pts_ms) & {video.frames[position] for position in shown}
        )


@given(wild_windows(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_arrival_does_not_matter_nor_do_repeated_arrivals(wild: tuple[list[WindowResult], int], random: Random) -> None:
    windows, duration_ms = wild
    arrived = [*windows, *windows[::2]]
    random.shuffle(arrived)
    assert merge(arrived, duration_ms=duration_ms) == merge(windows, duration_ms=duration_ms)


@given(videos(fewest_shared=1))
@settings(max_examples=150, deadline=None)
def test_merging_what_was_merged_changes_nothing(video: Video) -> None:
    once = merge(video.windows(), duration_ms=video.duration_ms)
    whole = Video(video.frames, video.duration_ms, len(video.frames), 0, tuple(Truth(*event) for event in stated(once)))
    assert stated(merge(whole.windows(), duration_ms=video.duration_ms)) == stated(once)
    cut = Video(video.frames, video.duration_ms, video.length, video.overlap, whole.truths)
    assert stated(merge(cut.windows(), duration_ms=video.duration_ms)) == stated(once)


@given(wild_windows())
@settings(max_examples=150, deadline=None)
def test_whatever_the_windows_say_events_stay_inside_them_and_hold_each_detection_once(wild: tuple[list[WindowResult], int]) -> None:
    windows, duration_ms = wild
    by_id = {window.window_id: window for window in windows}
    events = merge(windows, duration_ms=duration_ms)
    assert sum(len(event.window_ids) for event in events) == sum(len(window.detections) for window in windows)
    assert len({event.key for event in events}) == len(events)
    for event in events:
        of = [by_id[window_id] for window_id in event.window_ids]
        assert len(set(event.window_ids)) == len(of)
        assert min(window.span.start_ms for window in of) <= event.start_ms < event.end_ms <= max(window.span.end_ms for window in of)
        assert event.end_ms <= duration_ms
        assert all(earlier.span.end_ms >= later.span.start_ms for earlier, later in pairwise(of))
        assert all({event.type} <= {detection.type for detection in window.detections} for window in of)
        assert event.start_uncertainty_ms >= 0
        assert event.end_uncertainty_ms >= 0
        assert event.evidence_pts_ms in by_id[event.evidence_window_id].frame_pts_ms
        assert event.evidence_window_id in event.window_ids
        assert event.key.startswith(str(event.window_ids[0]))


@given(wild_windows())
@settings(max_examples=80, deadline=None)
def test_windows_that_come_in_order_never_change_a_key(wild: tuple[list[WindowResult], int]) -> None:
    windows, duration_ms = wild
    keys: set[str] = set()
    for count in range(1, len(windows) + 1):
        now = {event.key for event in merge(windows[:count], duration_ms=duration_ms)}
        assert keys <= now
        keys = now
