"""What the index of words is asked for."""

import pytest

from db import words
from db.indexing import LENGTHS, SLICES, first_of, last_of, slice_of


@pytest.mark.parametrize("moment", ["at_ms", "from_ms"])
def test_whatever_still_goes_on_has_a_tag_that_is_asked_for(moment: str) -> None:
    """Also what begins with the last millisecond of its slice, and is the longest of its kind."""
    for number in range(len(SLICES)):
        last_ms = last_of(number)
        for kind, length_ms in enumerate(LENGTHS):
            [going_on] = words._tags({moment: last_ms + length_ms - 1}, "overlaps", number)
            [over] = words._tags({moment: last_ms + length_ms}, "overlaps", number)
            assert f"'={kind}'" in going_on
            assert f"'={kind}'" not in over


def test_a_slice_ends_where_the_next_one_begins() -> None:
    for number, begins_ms in enumerate(SLICES):
        assert last_of(number) == begins_ms - 1
        assert slice_of(begins_ms - 1) == number
        assert slice_of(begins_ms) == number + 1
        assert first_of(number + 1) == begins_ms
    assert slice_of(first_of(0)) == 0
    assert slice_of(last_of(len(SLICES))) == len(SLICES)


@pytest.mark.parametrize("match", ["within", "starts"])
def test_what_begins_in_a_range_may_be_of_any_length(match: words.Match) -> None:
    assert list(words._tags({"from_ms": 10**9}, match, 0)) == []
