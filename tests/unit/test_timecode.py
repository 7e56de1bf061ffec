"""Timecode labels each frame once, drop-frame as SMPTE counts it, and a frame's own time leads back to it."""

from fractions import Fraction
from itertools import islice, product

import pytest

from services.api.formats.timecode import RATES, Timecode, rate_of

HOUR_S = 3600


def dropping(nominal: int) -> list[str]:
    """All labels of some twenty minutes by the rule itself: the first of each minute are left out, but for every tenth."""
    left_out = nominal // 15
    return [
        f"{hours:02}:{minutes:02}:{seconds:02};{frames:02}"
        for hours, minutes, seconds, frames in islice(product(range(2), range(60), range(60), range(nominal)), 1300 * nominal)
        if minutes % 10 == 0 or seconds or frames >= left_out
    ]


@pytest.mark.parametrize("name", ["29.97", "59.94"])
def test_drop_frame_leaves_out_the_labels_that_it_should(name: str) -> None:
    timecode = Timecode.starting("00:00:00;00", RATES[name])
    labels = dropping(round(RATES[name]))
    assert [timecode.label(frame) for frame in range(len(labels))] == labels
    assert timecode.label(timecode.frame(HOUR_S * 1000)) == "01:00:00;00", "it keeps to the clock"


@pytest.mark.parametrize(
    ("name", "label"),
    [("23.976", "00:59:56:10"), ("24", "01:00:00:00"), ("25", "01:00:00:00"), ("29.97", "00:59:56:12"), ("60", "01:00:00:00")],
)
def test_without_it_labels_follow_each_other(name: str, label: str) -> None:
    timecode = Timecode.starting("00:00:00:00", RATES[name])
    assert timecode.label(timecode.frame(HOUR_S * 1000)) == label
    assert [timecode.label(frame) for frame in (0, 1, round(RATES[name]))] == ["00:00:00:00", "00:00:00:01", "00:00:01:00"]


@pytest.mark.parametrize("label", ["00:00:00;00", "00:01:00;02", "00:09:59;29", "00:10:00;00", "09:59:59;29", "23:59:59;29"])
def test_a_start_is_the_first_label(label: str) -> None:
    timecode = Timecode.starting(label, RATES["29.97"])
    assert timecode.label(0) == label
    assert Timecode.starting("23:59:59:23", RATES["24"]).label(1) == "00:00:00:00"


@pytest.mark.parametrize(
    ("label", "name"),
    [("00:01:00;00", "29.97"), ("00:00:00:25", "25"), ("24:00:00:00", "25"), ("00:00:00;00", "25"), ("00:00:60:00", "25"), ("soon", "25")],
)
def test_what_labels_no_frame_is_refused(label: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"label|drop-frame|timecode"):
        Timecode.starting(label, RATES[name])


@pytest.mark.parametrize("rate", RATES.values())
def test_the_time_of_a_frame_rounded_to_milliseconds_leads_back_to_it(rate: Fraction) -> None:
    timecode = Timecode(rate, drop_frame=False, first=0)
    for frame in islice(range(0, 10_000_000, 997), 5000):
        for round_ms in (int, round):
            assert timecode.frame(round_ms(1000 * frame / rate)) == frame


def test_times_of_fcpxml_are_whole_frames() -> None:
    timecode = Timecode(RATES["29.97"], drop_frame=False, first=0)
    assert [timecode.rational(frames) for frames in (0, 1, 30, 30_000)] == ["0s", "1001/30000s", "30030/30000s", "1001s"]


@pytest.mark.parametrize(
    ("measured", "variable", "name"),
    [
        (29.97, False, "29.97"),
        (29.968, False, "29.97"),
        (30.0, False, "30"),
        (23.976, False, "23.976"),
        (15.0, False, "30"),
        (5.0, False, "25"),
        (14.985, False, "29.97"),
        (240.0, False, "120"),
        (27.3, True, "25"),
        (29.6, True, "29.97"),
    ],
)
def test_the_timeline_has_the_rate_that_an_editor_gives_it(measured: float, variable: bool, name: str) -> None:
    assert rate_of(measured, variable=variable) == RATES[name]
