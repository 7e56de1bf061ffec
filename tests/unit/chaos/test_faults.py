"""The schedule of faults."""

from collections import Counter

from tests.chaos.faults import KINDS, schedule


def test_a_seed_gives_the_same_faults_each_time_and_another_seed_gives_others() -> None:
    one, same, other = (schedule(seed, 100, pause_s=1, kinds=KINDS) for seed in (1, 1, 2))
    assert one == same != other


def test_each_kind_comes_once_before_any_comes_again() -> None:
    first = schedule(7, 300, pause_s=1, kinds=KINDS)[: len(KINDS)]
    assert Counter(fault.kind for fault in first) == dict.fromkeys(KINDS, 1)


def test_only_kinds_that_are_wanted_come_as_often_as_is_wanted() -> None:
    planned = schedule(1, 40, pause_s=2, kinds=["killed", "disk full"])
    assert (len(planned), {fault.kind for fault in planned}) == (40, {"killed", "disk full"})
    assert all(0.8 <= fault.pause_s <= 3.2 and fault.target in KINDS[fault.kind].targets for fault in planned)
