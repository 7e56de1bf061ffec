"""What follows from a receiver's answer."""

from datetime import timedelta

import pytest

from core.settings import Settings
from workers.delivering import JITTER, LONGEST_REST, judge, tries
from workers.posting import Answer

BACKOFF = Settings().webhook_backoff
REFUSED = Answer(10, status=500, error="Answered with 500.")


def test_a_message_waits_longer_after_each_try_for_about_a_day_in_all() -> None:
    waits = [judge(REFUSED, attempt=attempt, once=False, backoff=BACKOFF).again_after for attempt in range(1, tries(BACKOFF))]
    assert all(wait and step <= wait <= step * (1 + JITTER) for wait, step in zip(waits, BACKOFF, strict=True))
    assert timedelta(hours=24) < sum(BACKOFF, timedelta(0)) < timedelta(hours=30)
    assert judge(REFUSED, attempt=tries(BACKOFF), once=False, backoff=BACKOFF).again_after is None


@pytest.mark.parametrize(
    ("asked_s", "least"),
    [(None, BACKOFF[0]), (1.0, BACKOFF[0]), (600.0, timedelta(minutes=10)), (1e9, LONGEST_REST)],
)
def test_a_receiver_that_asks_for_rest_gets_it_and_never_less_than_others(asked_s: float | None, least: timedelta) -> None:
    busy = Answer(10, status=429, error="Answered with 429.", retry_after_s=asked_s)
    wait = judge(busy, attempt=1, once=False, backoff=BACKOFF).again_after
    assert wait
    assert least <= wait <= max(least, BACKOFF[0] * (1 + JITTER))


def test_a_test_is_sent_once_and_one_that_is_gone_is_asked_no_more() -> None:
    assert judge(REFUSED, attempt=1, once=True, backoff=BACKOFF) == (False, None, None)
    gone = judge(Answer(10, status=410, error="Answered with 410."), attempt=1, once=False, backoff=BACKOFF)
    assert (gone.again_after, "410" in str(gone.disable)) == (None, True)
    assert judge(Answer(10, status=204), attempt=8, once=False, backoff=BACKOFF).delivered
