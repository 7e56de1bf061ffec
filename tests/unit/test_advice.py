"""Every reason for which a job lacks something comes with what to do about it."""

import re
from pathlib import Path

from core import errors
from core.errors import PlayheadError, Unavailable
from workers import advice

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def test_what_happened_comes_first_and_then_what_to_do() -> None:
    told = advice.told({"code": "model_rejected", "detail": "The model server answered 404: no such model", "http_status": 404})
    assert told["detail"].startswith("The model server answered 404: no such model. Ask again with a `model` that it has")
    assert told["http_status"] == 404


def test_an_error_without_advice_stays_as_it_is() -> None:
    assert advice.told({"code": "canceled", "detail": "x"}) == {"code": "canceled", "detail": "x"}


def test_each_reason_of_gaps_is_told_once_by_the_first_error_that_has_it() -> None:
    raised = [None, {"code": "bad_reply", "detail": "The reply is not JSON."}, {"code": "bad_reply", "detail": "a loop"}]
    told = advice.of_gaps(["unreadable", "bad_reply", "bad_reply", "canceled"], raised)
    assert [warning["code"] for warning in told] == ["bad_reply", "unreadable"]
    assert told[0]["detail"] == "The reply is not JSON. Retry the job, or ask another `model`."
    assert "repair the file" in told[1]["detail"]


def test_every_error_that_ends_a_piece_of_work_has_advice() -> None:
    """Those that are waited for say so in the job's warnings; those of requests never come into a job."""
    of_work = (errors.NotAVideo, errors.UnsupportedVideo, errors.DecoderFailed, errors.ModelRejected, errors.PromptTooLarge)
    ending: tuple[type[PlayheadError], ...] = (*of_work, errors.BadReply, errors.BudgetSpent, errors.Bug)
    assert {kind.code for kind in ending} | {"unreadable", "deadline"} == set(advice.ADVICE)
    assert not any(issubclass(kind, Unavailable) for kind in ending if kind is not errors.DecoderFailed)


def test_the_handbook_knows_every_code_that_needs_somebody() -> None:
    codes = set(re.findall(r"^\| `(\w+)`", OPERATIONS, re.MULTILINE)) | {"not_a_video", "unsupported_video", "unreadable", "budget"}
    assert set(advice.ADVICE) <= codes
