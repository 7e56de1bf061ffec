"""Times as people write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import PlayheadError
from playhead.timecodes import format_timecode, parse_timecode

WEEK_MS = 7 * 24 * 3600 * 1000


@given(st.integers(0, WEEK_MS))
def test_a_formatted_time_reads_back_as_the_same_millisecond(ms: int) -> None:
    assert parse_timecode(format_timecode(ms)) == ms


@given(st.integers(0, WEEK_MS))
def test_seconds_and_milliseconds_read_as_the_same_millisecond(ms: int) -> None:
    assert parse_timecode(f"{ms // 1000}.{ms % 1000:03}") == ms
    assert parse_timecode(f"{ms // 1000}.{ms % 1000:03}s") == ms
    assert parse_timecode(f"{ms}ms") == ms


@given(st.text())
def test_any_text_is_a_time_or_refused_as_one(text: str) -> None:
    with suppress(PlayheadError):
        assert parse_timecode(text) >= 0


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1:03.2", 63_200),
        ("63.2", 63_200),
        ("63.2s", 63_200),
        ("01:02:03.250", 3_723_250),
        ("500ms", 500),
        ("0", 0),
        (" 1:03 ", 63_000),
        ("00:00:01,5", 1_500),
        ("90:00", 5_400_000),
        ("100:00:00", 360_000_000),
        ("1.0005", 1_001),
        ("1.0004999", 1_000),
        ("0.5ms", 1),
        ("500 MS", 500),
    ],
)
def test_the_usual_ways_to_write_a_time(text: str, ms: int) -> None:
    assert parse_timecode(text) == ms


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "1:60", "1:2", "1:60:00", "1:2:3:4", "1.", ".5", "1e3", "٣", "1:03.2s", "9" * 5000, "nan"]
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_timecode(text)


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00.000"), (63_200, "1:03.200"), (3_599_999, "59:59.999"), (3_600_000, "1:00:00.000"), (-500, "-0:00.500")]
)
def test_hours_are_left_out_where_they_are_zero(ms: int, text: str) -> None:
    assert format_timecode(ms) == text
