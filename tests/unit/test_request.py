"""What is asked for, with its defaults filled in."""

from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import Unprocessable
from core.request import JobRequest
from core.settings import Settings

NO_MODEL, MODEL = Settings(), Settings(model_url="http://127.0.0.1:1/v1")


@pytest.mark.parametrize("analyzer", ["signals", "auto"])
@pytest.mark.parametrize("sampling", [{"window_s": 300}, {"tolerance_s": 0.5}, {"frame_tokens": 2048}])
def test_sampling_that_does_not_go_with_the_default_rate_is_told(analyzer: str, sampling: dict[str, Any]) -> None:
    """They go with a frame a second, which is what a model gets, and not with two."""
    request = JobRequest.model_validate({"analyzer": analyzer, "sampling": sampling})
    with pytest.raises(Unprocessable, match="At 2 frames a second, the default for `signals`: ") as told:
        request.resolved(NO_MODEL)
    assert told.value.extra["field"] == "sampling"
    if analyzer == "auto":
        assert request.resolved(MODEL).sampling.fps == 1


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"verify": {"votes": 3}}, "verify.votes"),
        ({"verify": {"votes": 5}, "analyzer": "model"}, "verify.votes"),
        ({"verify": {"votes": 3}, "analyzer": "signals"}, "verify.votes"),
        ({"verify": {"votes": 3}, "analyzer": "signals", "refine": True}, "refine"),
    ],
)
def test_votes_that_nobody_would_cast_are_refused(question: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        JobRequest.model_validate(question).resolved(MODEL)
    assert refused.value.extra == {"field": field}


@pytest.mark.parametrize("question", [{"verify": {"votes": 3}, "refine": True}, {"verify": {"votes": 1}}, {"verify": {}}])
def test_votes_of_second_looks_are_taken_and_one_vote_is_none(question: dict[str, Any]) -> None:
    assert JobRequest.model_validate(question).resolved(MODEL).verify.votes == question["verify"].get("votes", 1)


@pytest.mark.parametrize(
    "question",
    [
        {"budget_usd": False},
        {"budget_usd": "1"},
        {"refine": 1},
        {"verify": {"votes": True}, "refine": True},
        {"sampling": {"window_s": "64"}},
        {"sampling": {"skip_static": "yes"}},
        {"sampling": {"frame_tokens": "220"}},
    ],
)
def test_a_value_of_another_type_is_refused_and_not_guessed_at(question: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobRequest.model_validate(question)
