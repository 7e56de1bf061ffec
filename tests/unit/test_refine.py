"""Second looks: where they go, and what a perfect observer's tell; by hand, and over arbitrary events and first looks that were wrong."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spans import Span
from workers.events.detection import CONFIRMED, REJECTED, UNVERIFIED, MergedEvent
from workers.events.looks import GLANCE_MS, ROUNDS, End, Look, Sight, Zone, looks
from workers.events.refine import CONTRADICTS, NO_ANSWER, refined

DURATION_MS = 600_000
FIRST, OTHER = UUID(int=1), UUID(int=2)


def event(start_ms: int, end_ms: int, *, uncertainty_ms: int = 500, key: str = "1:0", told_by: UUID = FIRST) -> MergedEvent:
    return MergedEvent(
        key=key,
        type="walk",
        title="A man walks",
        description="A man walks",
        start_ms=start_ms,
        end_ms=end_ms,
        start_uncertainty_ms=uncertainty_ms,
        end_uncertainty_ms=uncertainty_ms,
        confidence=0.5,
        confidence_source="model",
        evidence_pts_ms=(start_ms + end_ms) // 2,
        evidence_window_id=told_by,
        attributes={},
        window_ids=(told_by,),
        told_by=(told_by,),
    )


def observed(look: Look, number: int, truth: Span | None) -> Sight:
    """What who sees everything right would say, of frames as many a second as the round shows."""
    step = ROUNDS[number].step_ms
    frames = tuple(time for time in range(-(-look.span.start_ms // step) * step, look.span.end_ms, step) if look.shows(time))
    shown = [time for time in frames if truth is not None and truth.start_ms <= time < truth.end_ms]
    window_id = UUID(int=10 + 1000 * number + look.span.start_ms)
    if not frames:
        return Sight(look, number, window_id, (), None)
    if not shown:
        return Sight(look, number, window_id, frames, visible=False, reason="Nobody is there")
    return Sight(look, number, window_id, frames, True, shown[0], shown[-1], reason="He walks")


def looked_at(events: Sequence[MergedEvent], truth: Span | None) -> list[Sight]:
    """All rounds."""
    sights: list[Sight] = []
    for number in range(len(ROUNDS)):
        sights += [observed(look, number, truth) for look in looks(number, events, sights, duration_ms=DURATION_MS)]
    return sights


def test_both_ends_of_a_short_event_are_one_look_and_of_a_long_one_two() -> None:
    (short,) = looks(0, [event(10_000, 13_000)], (), duration_ms=DURATION_MS)
    assert [zone.end for zone in short.zones] == [End.START, End.END]
    start, end = looks(0, [event(10_000, 100_000)], (), duration_ms=DURATION_MS)
    assert (start.span, end.span) == (Span(9_251, 10_750), Span(99_251, 100_750))


def test_the_first_and_the_last_moment_of_the_video_need_no_look() -> None:
    (look,) = looks(0, [event(0, 30_000)], (), duration_ms=DURATION_MS)
    assert [zone.end for zone in look.zones] == [End.END]
    (glance,) = looks(0, [event(0, DURATION_MS)], (), duration_ms=DURATION_MS)
    assert glance.zones == (Zone(End.START, Span(0, GLANCE_MS)),)


def test_an_end_that_nobody_looked_for_stays_as_sure_as_it_was() -> None:
    first = event(500_000, DURATION_MS)
    (found,) = refined([first], looked_at([first], Span(500_130, DURATION_MS)), duration_ms=DURATION_MS)
    assert (found.start_ms, found.start_uncertainty_ms) == (500_125, 125)
    assert (found.end_ms, found.end_uncertainty_ms) == (DURATION_MS, 500)


def test_a_boundary_that_is_found_is_not_looked_for_again() -> None:
    first = event(10_000, 100_000)
    assert len(looked_at([first], Span(10_130, 99_790))) == 2


@pytest.mark.parametrize(("truth", "side"), [(Span(7_000, 100_000), Span(5_500, 9_501)), (Span(12_500, 100_000), Span(10_500, 15_000))])
def test_a_boundary_that_is_not_there_is_looked_for_on_its_side(truth: Span, side: Span) -> None:
    first = event(10_000, 100_000)
    again = [sight for sight in looked_at([first], truth) if sight.round > 0]
    assert [sight.round for sight in again] == [1, 3], "the last one is dense again"
    assert again[0].look.zones[0].span == side


def test_what_nobody_sees_is_rejected_and_kept_as_it_was() -> None:
    first = event(10_000, 13_000)
    (kept,) = refined([first], looked_at([first], None), duration_ms=DURATION_MS)
    assert kept == replace(first, verification=kept.verification)
    assert kept.verification == (REJECTED, "Nobody is there")


def test_a_look_without_an_answer_rejects_nothing() -> None:
    first = event(10_000, 100_000)
    start, end = (observed(look, 0, None) for look in looks(0, [first], (), duration_ms=DURATION_MS))
    (kept,) = refined([first], [start, replace(end, visible=None)], duration_ms=DURATION_MS)
    assert kept.verification == (UNVERIFIED, NO_ANSWER)


def test_one_end_that_is_seen_confirms_and_the_other_is_somewhere_between_them() -> None:
    first = event(10_000, 100_000)
    start, end = (observed(look, 0, Span(10_130, 100_000)) for look in looks(0, [first], (), duration_ms=DURATION_MS))
    (kept,) = refined([first], [start, replace(end, visible=False)], duration_ms=DURATION_MS)
    assert (kept.verification.status, kept.start_ms, kept.start_uncertainty_ms) == (CONFIRMED, 10_125, 125)
    last_seen_ms, first_not_seen_ms = start.frame_pts_ms[-1], end.frame_pts_ms[0]
    assert abs(kept.end_ms - (last_seen_ms + first_not_seen_ms) / 2) < 1
    assert kept.end_ms - kept.end_uncertainty_ms <= last_seen_ms


def test_boundaries_that_contradict_each_other_change_nothing() -> None:
    first = event(10_000, 11_000)
    (look,) = looks(0, [first], (), duration_ms=DURATION_MS)
    zones = (Zone(End.START, Span(20_000, 21_000)), Zone(End.END, Span(9_000, 10_000)))
    sight = Sight(replace(look, zones=zones), 0, UUID(int=10), (9_000, 9_500, 20_000, 20_500), True, 9_000, 20_500)
    sights = [sight, replace(sight, first_pts_ms=20_500, last_pts_ms=20_500, look=replace(sight.look, zones=zones[:1]))]
    sights += [replace(sight, first_pts_ms=9_000, last_pts_ms=9_000, look=replace(sight.look, zones=zones[1:]), round=1)]
    (kept,) = refined([first], sights, duration_ms=DURATION_MS)
    assert kept.verification == (UNVERIFIED, CONTRADICTS)
    assert (kept.start_ms, kept.end_ms) == (10_000, 11_000)


def test_votes_are_the_confidence() -> None:
    first = event(10_000, 100_000)
    start, end = (observed(look, 0, Span(10_130, 99_790)) for look in looks(0, [first], (), duration_ms=DURATION_MS))
    (kept,) = refined([first], [replace(start, votes=3, share=2 / 3), replace(end, votes=3)], duration_ms=DURATION_MS)
    assert (kept.confidence, kept.confidence_source) == (round(5 / 6, 4), "votes")
    (single,) = refined([first], [start, end], duration_ms=DURATION_MS)
    assert (single.confidence, single.confidence_source) == (0.5, "model")


def test_votes_about_another_time_say_nothing_of_an_event_that_is_found() -> None:
    first = event(10_000, 100_000)
    sights = [replace(sight, votes=3) for sight in looked_at([first], Span(12_500, 100_000))]
    elsewhere = replace(sights[0], visible=False, frame_pts_ms=(5_000, 6_000))
    (kept,) = refined([first], [elsewhere, *sights[1:]], duration_ms=DURATION_MS)
    assert (kept.verification.status, kept.confidence) == (CONFIRMED, 1.0)


def test_what_two_windows_told_of_and_turns_out_to_be_one_is_one() -> None:
    early, late = event(10_000, 12_000), event(12_500, 14_500, key="2:0", told_by=OTHER)
    sights = looked_at([early, late], Span(11_000, 13_000))
    (one,) = refined([early, late], sights, duration_ms=DURATION_MS)
    assert (one.start_ms, one.end_ms) == (10_875, 12_875)
    assert {FIRST, OTHER} <= set(one.window_ids)
    same_window = replace(late, told_by=(FIRST,), description="A woman with a red umbrella stands there")
    assert len(refined([early, same_window], sights, duration_ms=DURATION_MS)) == 2


def test_evidence_that_is_no_longer_in_the_event_is_taken_from_a_look() -> None:
    first = event(10_000, 12_000)
    (kept,) = refined([first], looked_at([first], Span(12_100, 14_000)), duration_ms=DURATION_MS)
    assert kept.start_ms <= kept.evidence_pts_ms < kept.end_ms
    assert kept.evidence_window_id in kept.window_ids[1:]


moments = st.integers(min_value=0, max_value=DURATION_MS - 1)
wrong = st.integers(min_value=-3_000, max_value=3_000)


@settings(max_examples=300, deadline=None)
@given(
    start=moments, length=st.integers(1_500, 180_000), before=wrong, after=wrong, uncertainty=st.integers(250, 3_000), seed=st.integers()
)
def test_looks_of_a_perfect_observer_find_the_truth_behind_first_looks_that_were_seconds_wrong(
    start: int, length: int, before: int, after: int, uncertainty: int, seed: int
) -> None:
    truth = Span(start, min(start + length, DURATION_MS))
    told = Span(max(start + before, 0), min(start + length + after, DURATION_MS))
    if told.length_ms <= 0 or truth.length_ms < 1_500:
        return
    first = event(*told, uncertainty_ms=uncertainty)
    sights = looked_at([first], truth)
    (found,) = refined([first], sights, duration_ms=DURATION_MS)
    assert found.verification.status == CONFIRMED
    assert abs(found.start_ms - truth.start_ms) <= found.start_uncertainty_ms or told.start_ms == 0
    assert abs(found.end_ms - truth.end_ms) <= found.end_uncertainty_ms or told.end_ms == DURATION_MS
    assert 0 <= found.start_ms < found.end_ms <= DURATION_MS
    shuffled = Random(seed).sample(sights, len(sights))
    assert refined([first], [*shuffled, *shuffled], duration_ms=DURATION_MS) == [found]
