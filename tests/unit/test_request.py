"""Questions that nobody could answer as they are asked."""

from typing import Any

import pytest

from core.errors import Unprocessable
from core.request import JobRequest
from core.settings import Settings

SETTINGS = Settings(model_url="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"verify": {"votes": 3}}, "verify.votes"),
        ({"verify": {"votes": 5}, "analyzer": "model"}, "verify.votes"),
        ({"verify": {"votes": 3}, "analyzer": "signals"}, "verify.votes"),
        ({"verify": {"votes": 3}, "analyzer": "signals", "refine": True}, "refine"),
    ],
)
def test_votes_that_nobody_would_cast_are_refused(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        JobRequest.model_validate(request_).resolved(SETTINGS)
    assert refused.value.extra == {"field": field}


@pytest.mark.parametrize("request_", [{"verify": {"votes": 3}, "refine": True}, {"verify": {"votes": 1}}, {"verify": {}}])
def test_votes_of_second_looks_are_taken_and_one_vote_is_none(request_: dict[str, Any]) -> None:
    assert JobRequest.model_validate(request_).resolved(SETTINGS).verify.votes == request_["verify"].get("votes", 1)
