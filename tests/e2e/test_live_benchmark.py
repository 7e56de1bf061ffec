"""`benchmarks.live`, against the test model server in the place of a real model."""

from pathlib import Path

import pytest

from benchmarks.live.__main__ import Clip, estimated, outcomes, report
from benchmarks.live.annotations import Moment
from playhead import Client
from tests.e2e.conftest import EVENTS
from tests.model_server.running import ModelServer

# The server knows an event by its type's id, which comes of the query.
MOMENTS = [Moment("two-minutes", f"Mark {bit}", tuple((start, end) for each, start, end in EVENTS if each == bit)) for bit in range(3)]


def test_a_dry_run_tells_the_price_and_asks_the_model_nothing(client: Client, model: ModelServer, video: Path) -> None:
    dollars = list(estimated(client, [Clip(video, MOMENTS)], {"refine": False}))
    assert len(dollars) == 1
    assert 0.0005 < dollars[0] < 0.05
    assert model.control.log() == []


def test_a_run_finds_what_is_annotated_and_scores_it(client: Client, video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = Clip(video, MOMENTS)
    told = list(outcomes(client, [clip], {"refine": True}, budget_usd=1))
    assert [each.statuses for each in told] == [["succeeded"]]
    assert told[0].usd > 0
    report(told, [clip])
    table = capsys.readouterr().out
    assert "6 true spans, 6 events" in table
    assert "| 0.5 | 1.000 | 1.000 | 1.000 |" in table
    assert "| 0.7 | 1.000 | 1.000 | 1.000 |" in table


def test_a_spent_budget_ends_the_run(client: Client, model: ModelServer, video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(outcomes(client, [Clip(video, MOMENTS)] * 2, {}, budget_usd=0)) == []
    assert "2 videos were not looked at" in capsys.readouterr().err
    assert model.control.log() == []
