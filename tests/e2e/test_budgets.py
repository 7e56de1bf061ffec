"""A job's budget through the real workers: what is spent at the cap, what is told of it, and what a killed worker may have spent."""

from pathlib import Path

import pytest

from core.settings import Settings
from playhead import Client
from standalone.stack import Stack
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import slow
from tests.model_server.running import ModelServer
from tests.polling import wait_until

MANY_WINDOWS = {**REQUEST, "sampling": {"window_s": 12, "overlap_s": 4}}
WINDOWS = 15


def test_at_half_of_what_it_costs_a_job_is_partial_and_the_rest_is_a_gap(client: Client, model: ModelServer, video: Path) -> None:
    whole = client.wait(client.upload(video, request=MANY_WINDOWS).job.id, timeout=90)
    assert (whole.status, whole.usage.calls, whole.usage.reserved_usd) == ("succeeded", WINDOWS, 0)
    assert whole.usage.cost_usd == pytest.approx(model.control.cost_usd(), abs=1e-6)
    assert whole.estimate is not None
    assert whole.estimate.price is not None
    assert whole.estimate.price.output_usd is not None
    assert whole.estimate == client.estimate(whole.video_id, MANY_WINDOWS)
    assert whole.estimate.at_most_usd is not None
    assert whole.usage.cost_usd is not None
    assert whole.usage.cost_usd < whole.estimate.at_most_usd

    answer_usd = Settings.model_fields["model_max_output_tokens"].default * whole.estimate.price.output_usd / 1e6
    most_usd = answer_usd + 1.5 * whole.usage.cost_usd / WINDOWS  # that one call can cost
    budget_usd = whole.usage.cost_usd / 2 + most_usd
    model.control.clear()
    job = client.wait(client.create_job(whole.video_id, {**MANY_WINDOWS, "budget_usd": budget_usd}).id, timeout=90)
    assert job.status == "partial"
    assert {gap.reason for gap in job.coverage.gaps} == {"budget"}
    assert "budget" in {warning.code for warning in job.warnings}
    assert WINDOWS / 3 < job.usage.calls < WINDOWS
    assert model.control.cost_usd() <= budget_usd
    assert job.usage.cost_usd == pytest.approx(model.control.cost_usd(), abs=1e-6)
    assert (job.usage.uncertain_usd, job.usage.reserved_usd) == (0, 0)
    assert max(model.control.windows().values()) == 1
    for event in client.events(job.video_id, job_id=job.id):
        assert not any(gap.start_ms <= event.start_ms and event.end_ms <= gap.end_ms for gap in job.coverage.gaps)


def test_a_budget_of_nothing_has_a_video_looked_at_and_estimated_for_free(client: Client, model: ModelServer, video: Path) -> None:
    job = client.wait(client.upload(video, request={"budget_usd": 0}).job.id, timeout=60)
    assert (job.status, job.error and job.error.code, model.control.log()) == ("failed", "budget", [])
    assert client.estimate(job.video_id, REQUEST).calls == 2
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in job.coverage.gaps] == [(0, 120_000, "budget")]


def test_what_a_killed_worker_may_have_spent_is_counted(client: Client, whole: Stack, model: ModelServer, video: Path) -> None:
    model.control.always(slow(1))
    uploaded = client.upload(video, request={**MANY_WINDOWS, "budget_usd": 1})
    wait_until(model.control.log, "the first call")
    assert wait_until(lambda: client.job(uploaded.job.id).usage.reserved_usd, "what it may cost")
    whole.kill("model")
    model.control.honest()
    job = client.wait(uploaded.job.id, timeout=90)
    assert job.status == "succeeded"
    assert_true(list(client.events(job.video_id)))
    usage = job.usage
    assert usage.cost_usd is not None
    assert usage.uncertain_usd is not None
    assert usage.uncertain_usd > 0
    assert usage.reserved_usd == 0
    assert usage.cost_usd - usage.uncertain_usd <= model.control.cost_usd() + 1e-6
    assert model.control.cost_usd() <= usage.cost_usd + 1e-6
