"""Each invariant's check sees what breaks it, and nothing where nothing is broken."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import Evidence, Fault
from tests.unit.chaos.evidence import (
    COST,
    EVENT,
    FIRST,
    JOB,
    NOON,
    SEGMENT,
    TOKENS,
    VIDEO,
    call,
    change,
    sound,
    with_history,
    with_row,
)


def broken(evidence: Evidence) -> dict[str, list[str]]:
    """Violations in words, by the name of the check without its number."""
    return {name.strip("12345678. "): [str(violation) for violation in found] for name, found in check(evidence).items() if found}


def without_job() -> Evidence:
    found = sound()
    for table in ("jobs", "budgets", "segments", "windows", "events", "webhook_deliveries"):
        found.rows[table].clear()
    return replace(found, calls=[], history=[], messages=[])


def unanswered() -> Evidence:
    found = sound()
    found.uploads[0].accepted_at = None
    return found


def event_again() -> Evidence:
    found = sound()
    found.rows["events"].append({**found.rows["events"][0], "id": TOKENS[9]})
    return found


def no_event() -> Evidence:
    found = sound()
    found.rows["events"].clear()
    return found


def without_blob(key: str) -> Evidence:
    found = sound()
    return replace(found, blobs={name: size for name, size in found.blobs.items() if name != key})


def without_messages(kind: str) -> Evidence:
    found = sound()
    found.rows["webhook_deliveries"][:] = [each for each in found.rows["webhook_deliveries"] if each["type"] != kind]
    return replace(found, messages=[each for each in found.messages if each.type != kind])


def with_messages(**values: Any) -> Evidence:
    """The first one was another."""
    first, *others = sound().messages
    return replace(sound(), messages=[replace(first, **values), *others])


def sent_again(table: str) -> Evidence:
    """There is another row, as there would be of a second upload."""
    found = sound()
    found.rows[table].append({**found.rows[table][0], "id": TOKENS[9]})
    found.rows["budgets"].append({**found.rows["budgets"][0], "job_id": TOKENS[9]})
    return found


def answered_in_two_ways() -> Evidence:
    found = sound()
    found.uploads[0].answers = [(str(VIDEO), str(TOKENS[9])), (str(VIDEO), str(JOB))]
    return found


def left_for(seconds: float) -> Evidence:
    """The segment's worker died after its claim, and the next one came so long after that."""
    found = sound()
    again = change(23, "segments", SEGMENT, "running", at_s=1 + seconds, token=TOKENS[5], attempts=2, outages=0)
    done = change(24, "segments", SEGMENT, "done", at_s=4 + seconds, attempts=2, outages=0)
    return replace(found, history=[each for each in found.history if each.id != SEGMENT or each.n < 23] + [again, done])


WHOLE = {"attempts": 1, "outages": 0}

CASES: list[tuple[str, Evidence, str]] = [
    ("every acknowledged upload ends as it must", without_job(), "its job is lost"),
    ("every acknowledged upload ends as it must", unanswered(), "never accepted"),
    ("every acknowledged upload ends as it must", with_row("jobs", status="processing", completed_at=None), "for ever"),
    ("every acknowledged upload ends as it must", with_row("jobs", status="partial"), "partial"),
    ("every acknowledged upload ends as it must", replace(sound(), sources={f"videos/{VIDEO}/source": "0" * 64}), "other bytes"),
    ("a window's events come from its last attempt", with_row("windows", detections=[{"description": "answer 7"}]), "tells of answers {7}"),
    (
        "a window's events come from its last attempt",
        replace(sound(), calls=[call(0, 3000, 7000), call(1, 3000, 7000)]),
        "another question",
    ),
    ("a window's events come from its last attempt", with_row("events", description="answer 7"), "answer 7"),
    ("a window's events come from its last attempt", with_row("events", provisional=True), str(EVENT)),
    (
        "a window's events come from its last attempt",
        with_history(change(60, "windows", FIRST, "done", attempts=0, outages=0, replies=1, reserved=Decimal(0))),
        "fewer attempts",
    ),
    (
        "jobs are settled once, and succeed if and only if every window is done",
        with_row("windows", state="failed"),
        "succeeded, and of its 2",
    ),
    ("jobs are settled once, and succeed if and only if every window is done", with_row("jobs", status="partial"), "partial, and of its 2"),
    (
        "jobs are settled once, and succeed if and only if every window is done",
        with_history(change(60, "jobs", JOB, "succeeded")),
        "was succeeded and became succeeded",
    ),
    (
        "jobs are settled once, and succeed if and only if every window is done",
        with_history(change(60, "windows", FIRST, "pending", replies=1, reserved=Decimal(0), **WHOLE)),
        "was done and became pending",
    ),
    ("windows cover the timeline, and hold their events", with_row("segments", windows=[[0, 0, 4000], [1, 4500, 7000]]), "4000 of 7000"),
    ("windows cover the timeline, and hold their events", with_row("events", source={"window_ids": [str(FIRST)]}), "lies outside"),
    ("events are lost or told twice by nobody", event_again(), "came twice"),
    ("events are lost or told twice by nobody", no_event(), "were lost"),
    ("events are lost or told twice by nobody", with_row("events", type="mark_1"), "wrong events"),
    ("events are lost or told twice by nobody", with_row("events", end_ms=4000), "drawn from 1000 to 6000"),
    ("budgets hold", with_row("budgets", limit_usd=COST), "of 0.0001"),
    ("budgets hold", with_row("budgets", reserved_usd=COST), "not what its windows say"),
    ("budgets hold", replace(sound(), calls=[*sound().calls, call(2, 0, 4000)]), "the server billed 0.00030000"),
    (
        "no stored answer is paid for again",
        with_history(change(60, "windows", FIRST, "done", replies=1, reserved=Decimal(1), **WHOLE)),
        "its answer was stored",
    ),
    (
        "no stored answer is paid for again",
        replace(sound(), calls=[*sound().calls, call(2, 0, 4000)]),
        "2 calls were made, and 1 permitted",
    ),
    ("every blob has a row, every row its blob", without_blob(f"videos/{VIDEO}/source"), "its bytes"),
    ("every blob has a row, every row its blob", without_blob(f"videos/{VIDEO}/frames-0/1"), "its frames"),
    ("every blob has a row, every row its blob", replace(sound(), blobs=sound().blobs | {"videos/7/source": 1}), "without a row"),
    ("an upload sent until its answer comes is one video and one job", replace(sound(), uploads=2 * sound().uploads), "two uploads"),
    ("an upload sent until its answer comes is one video and one job", sent_again("videos"), "became 2 videos and 1 jobs"),
    ("an upload sent until its answer comes is one video and one job", sent_again("jobs"), "became 1 videos and 2 jobs"),
    ("an upload sent until its answer comes is one video and one job", answered_in_two_ways(), "in different ways"),
    ("what a dead worker had is gone on with in time", left_for(21), "went on after 21.0 s"),
    ("uploads need no broker", replace(sound(), waits={"well": [0.2], "frozen": [0.2, 1.3]}), "took 1.30 s"),
    ("webhooks are told of what ended, and of nothing else", without_messages("event.created"), "not written Counter({('event.created'"),
    ("webhooks are told of what ended, and of nothing else", with_row("webhook_deliveries", type="job.failed"), "written besides"),
    ("webhooks are told of what ended, and of nothing else", with_row("webhook_deliveries", state="failed"), "is failed"),
    ("webhooks are told of what ended, and of nothing else", with_messages(status=500), "answered with [500]"),
    ("webhooks are told of what ended, and of nothing else", with_messages(is_signed=False), "arrived as"),
    ("webhooks are told of what ended, and of nothing else", with_messages(id="another"), "no row has it"),
    ("everything ends, and leaves no process", replace(sound(), survivors=["4711 decoder"]), "4711 decoder"),
    ("everything ends, and leaves no process", replace(sound(), stopped_s={"api": 30.0}), "took 30 s"),
]


def test_nothing_is_said_of_a_run_in_which_nothing_is_wrong() -> None:
    assert broken(sound()) == {}


@pytest.mark.parametrize(("name", "evidence", "said"), CASES, ids=[f"{name[:30]}: {said}" for name, _, said in CASES])
def test_what_breaks_an_invariant_is_seen(name: str, evidence: Evidence, said: str) -> None:
    found = broken(evidence)
    assert any(said in violation for violation in found.get(name, ())), found


def test_every_invariant_is_broken_by_a_test() -> None:
    assert {name.strip("12345678. ") for name in check(sound())} == {name for name, _, _ in CASES}


def test_a_recovery_that_waited_for_a_broken_part_is_not_slow() -> None:
    began = (NOON + timedelta(seconds=1)).timestamp()
    assert broken(replace(left_for(21), faults=[Fault("broker down", "valkey", began, began + 10)])) == {}


@pytest.mark.parametrize(("was_there_after_s", "is_slow"), [(0, False), (20, True)])
def test_a_recovery_that_waited_behind_older_work_is_not_slow_and_one_that_was_overtaken_is(was_there_after_s: int, is_slow: bool) -> None:
    found, others = left_for(30), [UUID(int=number) for number in range(200, 206)]
    claims = [
        each
        for place, row_id in enumerate(others)
        for each in (
            change(100 + 2 * place, "segments", row_id, "pending", at_s=was_there_after_s, attempts=0, outages=0),
            change(101 + 2 * place, "segments", row_id, "running", at_s=6 + 4 * place, token=row_id, attempts=1, outages=0),
        )
    ]
    assert bool(broken(replace(found, history=[*found.history, *claims]))) is is_slow


def test_a_budget_that_is_too_small_may_end_a_job_early_and_nothing_else_may() -> None:
    def ended(reason: str) -> dict[str, list[str]]:
        found = with_row("jobs", status="partial", coverage={"gaps": [{"start_ms": 0, "end_ms": 1000, "reason": reason}]})
        found.rows["windows"][0]["state"] = "failed"
        found.uploads[0].budget_usd = 0.0002
        found.rows["webhook_deliveries"][0]["type"] = "job.partial"
        return broken(replace(found, messages=[replace(found.messages[0], type="job.partial"), *found.messages[1:]]))

    assert ended("budget") == {}
    assert set(ended("decoder_failed")) == {"every acknowledged upload ends as it must"}


def test_an_upload_of_which_half_came_may_lie_there_until_it_is_cleaned_up() -> None:
    found = replace(sound(), blobs=sound().blobs | {"videos/7/source": 1})
    found.rows["doomed_blobs"].append({"prefix": "videos/7"})
    assert broken(found) == {}
