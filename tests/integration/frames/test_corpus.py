"""The corpus of hostile and broken files through the sampler: a clear verdict, or frames at their own times and gaps for the rest."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import PlayheadError, Rejected
from core.spans import Span
from tests.corpus import GOP_MS, Specimen, corpus
from tests.integration.frames.sampling import SAMPLER, calm, sample, shown_ms, stated_ms
from workers.frames.frame import SampledWindow, WindowPlan
from workers.frames.sampler import Sampler


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    return corpus(tmp_path_factory.mktemp("sound"))


def of_kind(specimens: list[Specimen], *kinds: str) -> Iterator[Specimen]:
    chosen = [specimen for specimen in specimens if specimen.kind in kinds]
    assert chosen
    return iter(chosen)


def window_of(sampler: Sampler, path: Path) -> SampledWindow:
    duration_ms = sampler.probe(path, beat=calm).duration_ms
    assert duration_ms > 0
    (window,) = sample(path, [WindowPlan(0, Span(0, duration_ms))], fps=5, sampler=sampler)
    return window


def looked_at(sampler: Sampler, specimen: Specimen, folder: Path) -> SampledWindow | None:
    """None: it was refused, with a verdict that is right for it."""
    try:
        window = window_of(sampler, specimen.write(folder))
    except PlayheadError as error:
        if error.code not in specimen.codes:
            raise AssertionError(f"{specimen.name}: {error.code}") from error
        return None
    assert all(earlier < later for earlier, later in pairwise(stated_ms(window))), specimen.name
    assert all(window.plan.span.start_ms <= time < window.plan.span.end_ms for time in stated_ms(window)), specimen.name
    return window


def test_a_file_cut_off_anywhere_gives_right_frames_and_a_gap_or_a_verdict(
    tmp_path: Path, sampler: Sampler, specimens: list[Specimen]
) -> None:
    for specimen in of_kind(specimens, "truncated"):
        window = looked_at(sampler, specimen, tmp_path)
        if window is not None:
            assert shown_ms(window) == stated_ms(window), specimen.name
            ends_ms = stated_ms(window)[-1] if window.frames else 0
            assert window.gaps or ends_ms == specimen.last_ms, specimen.name


def test_zeros_in_the_middle_move_no_time(tmp_path: Path, sampler: Sampler, specimens: list[Specimen]) -> None:
    """A decoder may paint over a damaged picture with what it has: an earlier one of the same group; never a later one."""
    for specimen in of_kind(specimens, "zeroed"):
        window = looked_at(sampler, specimen, tmp_path)
        if window is not None:
            for stated, shown in zip(stated_ms(window), shown_ms(window), strict=True):
                assert shown is None or 0 <= stated - shown < GOP_MS, f"{specimen.name}: {shown} at {stated}"


def test_what_is_disguised_or_empty_or_too_much_is_refused_or_right(tmp_path: Path, sampler: Sampler, specimens: list[Specimen]) -> None:
    for specimen in of_kind(specimens, "disguised", "shell", "length", "fake extension"):
        window = looked_at(sampler, specimen, tmp_path)
        assert window is None or shown_ms(window) == stated_ms(window), specimen.name


def test_changed_bytes_and_absurd_headers_end_in_frames_in_order_or_a_verdict(
    tmp_path: Path, sampler: Sampler, specimens: list[Specimen]
) -> None:
    """The times of such a file are its own: where a table of times is changed, nobody can know."""
    for specimen in of_kind(specimens, "flipped", "absurd"):
        looked_at(sampler, specimen, tmp_path)


def test_bombs_are_refused_or_cost_no_more_than_the_limits(tmp_path: Path, specimens: list[Specimen]) -> None:
    """Each in a process of its own, under the limits that hold in production."""
    for specimen in of_kind(specimens, "bomb"):
        looked_at(SAMPLER, specimen, tmp_path)


def test_what_is_refused_is_the_caller_s_fault_and_is_told_in_words(tmp_path: Path, sampler: Sampler, specimens: list[Specimen]) -> None:
    for specimen in of_kind(specimens, "disguised"):
        with pytest.raises(Rejected) as refused:
            sampler.probe(specimen.write(tmp_path), beat=calm)
        assert len(refused.value.detail) > 20
