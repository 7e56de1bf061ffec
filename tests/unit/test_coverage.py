"""Every millisecond of a video is either analysed or in a gap with a reason."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span, intersect, subtract_all
from workers.events.coverage import CoverageGap, coverage


class Gap(NamedTuple):
    span: Span
    reason: str


def test_a_video_whose_windows_are_all_done_is_covered_exactly() -> None:
    assert coverage(100, done=[Span(0, 60), Span(50, 100)], gaps=[], failed=[]) == (1.0, ())


def test_what_the_decoder_could_not_give_is_a_gap_in_windows_that_are_done() -> None:
    lost = Gap(Span(30, 40), "decode_error")
    assert coverage(100, done=[Span(0, 60), Span(50, 100)], gaps=[lost, lost], failed=[]) == (0.9, ((30, 40, "decode_error"),))


def test_a_failed_window_is_a_gap_only_where_no_other_window_looked() -> None:
    result = coverage(150, done=[Span(0, 60), Span(90, 150)], gaps=[], failed=[(Span(50, 100), "model_rejected")])
    assert result == (0.8, (CoverageGap(60, 90, "model_rejected"),))


def test_what_nothing_covers_was_not_analysed() -> None:
    assert coverage(100, done=[Span(0, 40)], gaps=[], failed=[(Span(40, 60), "x")]) == (0.4, ((40, 60, "x"), (60, 100, "not_analysed")))
    assert coverage(100, done=[], gaps=[], failed=[]) == (0.0, ((0, 100, "not_analysed"),))


def test_neighbouring_gaps_are_joined_when_the_reason_is_the_same_and_only_then() -> None:
    failed = [(Span(40, 60), "budget"), (Span(60, 80), "budget"), (Span(80, 90), "loop")]
    assert coverage(100, done=[Span(0, 40)], gaps=[], failed=failed).gaps == (
        (40, 80, "budget"),
        (80, 90, "loop"),
        (90, 100, "not_analysed"),
    )


def test_a_decoder_s_gap_and_a_failed_window_with_one_reason_are_one_gap() -> None:
    assert coverage(100, done=[Span(0, 60)], gaps=[Gap(Span(50, 60), "lost")], failed=[(Span(60, 100), "lost")]).gaps == (
        (50, 100, "lost"),
    )


def test_a_decoder_s_gap_keeps_its_reason_inside_a_failed_window() -> None:
    result = coverage(100, done=[Span(0, 40)], gaps=[Gap(Span(50, 60), "lost")], failed=[(Span(40, 100), "loop")])
    assert result.gaps == ((40, 50, "loop"), (50, 60, "lost"), (60, 100, "loop"))


def test_the_ratio_is_rounded_down_so_that_one_means_everything() -> None:
    assert coverage(10_000_000, done=[Span(0, 9_999_999)], gaps=[], failed=[]).ratio == pytest.approx(0.9999)
    assert coverage(3, done=[Span(0, 2)], gaps=[], failed=[]).ratio == pytest.approx(0.6666)


def test_what_reaches_beyond_the_video_does_not_count() -> None:
    failed = [(Span(90, 200), "loop")]
    assert coverage(100, done=[Span(-5, 90), Span(110, 120)], gaps=[Gap(Span(100, 130), "lost")], failed=failed) == (
        0.9,
        ((90, 100, "loop"),),
    )


def test_a_video_without_length_is_covered() -> None:
    assert coverage(0, done=[], gaps=[], failed=[]) == (1.0, ())


some_spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda pair: Span(pair[0], pair[0] + pair[1])), max_size=8)
reasons = st.sampled_from(["lost", "loop", "budget"])


def millis(spans: list[Span]) -> set[int]:
    return {at for span in spans for at in range(*span)}


@given(done=some_spans, lost=some_spans, failed=some_spans, data=st.data())
def test_each_millisecond_is_accounted_for_once(done: list[Span], lost: list[Span], failed: list[Span], data: st.DataObject) -> None:
    gaps = [Gap(span, data.draw(reasons)) for span in lost]
    broken = [(span, data.draw(reasons)) for span in failed]
    result = coverage(70, done=done, gaps=gaps, failed=broken)
    reason_at = {at: gap.reason for gap in result.gaps for at in range(gap.start_ms, gap.end_ms)}
    covered = (millis(done) - millis(lost)) & set(range(70))
    assert reason_at.keys() == set(range(70)) - covered
    assert sum(gap.end_ms - gap.start_ms for gap in result.gaps) == len(reason_at)
    assert result.ratio == len(covered) * 10_000 // 70 / 10_000
    for at, reason in reason_at.items():
        possible = {gap.reason for gap in gaps if at in range(*gap.span)} or {why for span, why in broken if at in range(*span)}
        assert reason in (possible or {"not_analysed"})
    assert coverage(70, done=done[::-1], gaps=gaps[::-1], failed=broken[::-1]) == result


@given(some_spans, some_spans)
def test_spans_intersect_and_subtract_like_sets_of_milliseconds(ones: list[Span], others: list[Span]) -> None:
    assert millis(intersect(ones, others)) == millis(ones) & millis(others)
    assert millis(subtract_all(ones, others)) == millis(ones) - millis(others)
    assert intersect(ones, others) == sorted(intersect(ones, others))
