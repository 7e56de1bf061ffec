"""Questions that nobody could answer as they are asked."""

from typing import Any

import pytest

from core.errors import Unprocessable
from core.request import JobRequest
from core.settings import Settings

SETTINGS = Settings(model_url="http://127.0.0.1:1/v1")


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
        JobRequest.model_validate(question).resolved(SETTINGS)
    assert refused.value.extra == {"field": field}


@pytest.mark.parametrize("question", [{"verify": {"votes": 3}, "refine": True}, {"verify": {"votes": 1}}, {"verify": {}}])
def test_votes_of_second_looks_are_taken_and_one_vote_is_none(question: dict[str, Any]) -> None:
    assert JobRequest.model_validate(question).resolved(SETTINGS).verify.votes == question["verify"].get("votes", 1)
