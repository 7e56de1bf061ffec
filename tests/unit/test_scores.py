"""The measures by which benchmarks judge events."""

import pytest

from benchmarks.localization.score import Drawn, Found, recall_at_1, score

TRUTH = [Drawn("car", 10, 20), Drawn("car", 30, 40), Drawn("dog", 0, 10)]


def test_the_truth_is_perfect() -> None:
    told = score(TRUTH, [Found(*each, start_uncertainty_s=0.1, end_uncertainty_s=0.1) for each in TRUTH])
    assert (set(told.f1.values()), set(told.mean_ap.values())) == ({1.0}, {1.0})
    assert (told.error_s, told.duplicates, told.inside) == (0, 0, 1)


def test_what_is_off_counts_up_to_the_threshold_that_it_reaches() -> None:
    # Eight seconds shared of twelve: a tIoU of 2/3.
    told = score([Drawn("car", 10, 20)], [Found("car", 12, 22, start_uncertainty_s=2.5, end_uncertainty_s=1)])
    assert told.f1 == {0.5: 1.0, 0.7: 0.0, 0.9: 0.0}
    assert (told.error_s, told.inside) == (2, 0.5)


def test_what_is_missed_and_what_is_invented_both_lower_f1() -> None:
    assert score(TRUTH, [Found(*TRUTH[0])]).f1[0.5] == pytest.approx(2 / 4)
    assert score([TRUTH[0]], [Found(*TRUTH[0]), Found("dog", 50, 60)]).f1[0.5] == pytest.approx(2 / 3)


def test_a_second_event_for_the_same_is_a_duplicate_and_no_match() -> None:
    told = score([TRUTH[0]], [Found("car", 10, 20), Found("car", 10, 19)])
    assert told.duplicates == 1
    assert told.f1[0.5] == pytest.approx(2 / 3)


def test_another_kind_is_no_match() -> None:
    assert score([TRUTH[0]], [Found("dog", 10, 20)]).f1[0.5] == 0


def test_average_precision_wants_the_right_ones_to_be_the_surest() -> None:
    right, wrong = Found("car", 10, 20, confidence=0.9), Found("car", 80, 90, confidence=0.1)
    assert score([TRUTH[0]], [right, wrong]).mean_ap[0.5] == 1
    assert score([TRUTH[0]], [right, wrong._replace(confidence=1.0)]).mean_ap[0.5] == 0.5


def test_recall_at_1_asks_for_the_surest_event_alone() -> None:
    right, wrong = Found("car", 30, 40, confidence=0.9), Found("car", 80, 95, confidence=0.1)
    assert recall_at_1(TRUTH, [right, wrong], threshold=0.5) == 0.5
    assert recall_at_1(TRUTH, [right, wrong._replace(confidence=1.0)], threshold=0.5) == 0
    # Equally sure: the longest.
    assert recall_at_1(TRUTH, [right, wrong._replace(confidence=0.9)], threshold=0.5) == 0
