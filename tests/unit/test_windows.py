"""Frames in, windows out."""

from collections.abc import Iterable

from core.spans import Span
from workers.frames.frame import Frame, Gap, SampledWindow, Signals, WindowPlan
from workers.frames.windows import Assembly

PLANS = (WindowPlan(0, Span(0, 10_000)), WindowPlan(1, Span(8_000, 18_000)), WindowPlan(2, Span(16_000, 26_000)))
QUIET = Signals(0, 0, None, None)


def frame(pts_ms: int) -> Frame:
    return Frame(pts_ms, b"", QUIET)


def run(assembly: Assembly, *, frames: Iterable[int] = (), missing: Iterable[int] = ()) -> list[SampledWindow]:
    lost = set(missing)
    return [
        window for time in sorted({*frames, *lost}) for window in (assembly.missing(time) if time in lost else assembly.frame(frame(time)))
    ]


def times(window: SampledWindow) -> list[int]:
    return [frame.pts_ms for frame in window.frames]


def gaps(window: SampledWindow) -> list[tuple[int, int]]:
    assert all(gap.reason == "unreadable" for gap in window.gaps)
    return [(gap.span.start_ms, gap.span.end_ms) for gap in window.gaps]


def test_a_window_comes_as_soon_as_a_frame_past_its_end_has_come() -> None:
    assembly = Assembly(PLANS)
    assert run(assembly, frames=range(0, 10_000, 1000)) == []
    (window,) = run(assembly, frames=[10_000])
    assert window.plan == PLANS[0]
    assert times(window) == list(range(0, 10_000, 1000))
    assert window.gaps == ()


def test_frames_of_the_overlap_are_in_both_windows() -> None:
    assembly = Assembly(PLANS)
    first, second = run(assembly, frames=range(0, 19_000, 1000))
    assert times(first)[-2:] == times(second)[:2] == [8000, 9000]


def test_the_end_gives_what_is_left() -> None:
    assembly = Assembly(PLANS)
    early = run(assembly, frames=range(0, 26_000, 1000))
    late = list(assembly.end())
    assert [window.plan.seq for window in early + late] == [0, 1, 2]
    assert times(late[-1]) == list(range(16_000, 26_000, 1000))


def test_the_frame_before_the_first_window_is_in_no_window() -> None:
    assembly = Assembly(PLANS[1:])
    run(assembly, frames=[7000, 8000, 9000])
    assert times(next(assembly.end())) == [8000, 9000]


def test_a_missing_frame_is_a_gap_from_the_last_good_frame_to_the_next() -> None:
    assembly = Assembly(PLANS[:1])
    run(assembly, frames=[0, 1000, 2000, 5000, 6000], missing=[3000, 4000])
    assert gaps(next(assembly.end())) == [(2000, 5000)]


def test_a_gap_across_windows_is_cut_at_their_edges() -> None:
    assembly = Assembly(PLANS)
    windows = run(assembly, frames=[*range(0, 8000, 1000), 13_000, 14_000], missing=range(8000, 13_000, 1000)) + list(assembly.end())
    assert [gaps(window) for window in windows] == [[(7000, 10_000)], [(8000, 13_000)], []]


def test_what_is_missing_at_the_beginning_is_a_gap_from_the_window_s_start() -> None:
    assembly = Assembly(PLANS[1:])
    run(assembly, frames=[10_000], missing=[9000])
    assert gaps(next(assembly.end())) == [(8000, 10_000)]


def test_what_is_missing_to_the_end_is_a_gap_to_the_window_s_end() -> None:
    assembly = Assembly(PLANS[:1])
    run(assembly, frames=[0, 1000], missing=[2000, 3000, 9900])
    assert gaps(next(assembly.end())) == [(1000, 10_000)]


def test_a_window_without_any_frame_is_a_gap_as_a_whole() -> None:
    assembly = Assembly(PLANS)
    windows = run(assembly, frames=[0], missing=range(1000, 26_000, 1000)) + list(assembly.end())
    assert [gaps(window) for window in windows] == [[(0, 10_000)], [(8_000, 18_000)], [(16_000, 26_000)]]


def test_holes_of_the_index_are_gaps_and_join_what_touches_them() -> None:
    assembly = Assembly(PLANS)
    assembly.hole(Span(5_000, 17_000))
    windows = run(assembly, frames=[0, 1000, 2000, 5000, 17_000], missing=[3000, 4000]) + list(assembly.end())
    assert [gaps(window) for window in windows] == [[(2000, 10_000)], [(8_000, 17_000)], [(16_000, 17_000)]]


def test_a_gap_says_why() -> None:
    assembly = Assembly(PLANS[:1])
    assembly.hole(Span(-1, 2_000))
    assert next(assembly.end()).gaps == (Gap(Span(0, 2_000), "unreadable"),)


def test_no_more_frames_are_held_than_the_open_windows_need() -> None:
    assembly = Assembly(tuple(WindowPlan(seq, Span(seq * 8_000, seq * 8_000 + 10_000)) for seq in range(100)))
    most = 0
    for time in range(0, 800_000, 1000):
        list(assembly.frame(frame(time)))
        most = max(most, len(assembly._frames))
    assert most <= 12
