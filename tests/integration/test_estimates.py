"""What a job will cost, asked of the API beforehand, and told by the job before its first call."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from pydantic import SecretStr

from core import prices
from core.settings import Settings
from db.models import Job
from db.session import Sessions
from tests.integration import rows
from tests.videos import make_video
from workers.planning import plan
from workers.runtime import make_runtime

SIZE = {"width": 1920, "height": 1080, "frame_rate": 30.0}
PROVIDER_S = {"input_usd": 0.2, "output_usd": 1.0, "image_usd": 0.0, "call_usd": 0.0, "source": "provider"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a model that can be asked, and a broker that knows no price."""
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as broker:
        broker.flushdb()
    return settings.model_copy(update={"model_api_key": SecretStr("key")})


def tell_price(settings: Settings, model: str, **told: Any) -> None:
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as broker:
        broker.set(prices.key(settings, model), json.dumps({**PROVIDER_S, **told}))


def test_an_estimate_costs_nothing_and_leaves_no_job(api: httpx.Client, sessions: Sessions) -> None:
    video = rows.video(sessions, rows.workspace(sessions), **{**SIZE, "duration_ms": 3_600_000})
    answer = api.post(f"/v1/videos/{video.id}/estimate", json={"event_types": [{"id": "car", "description": "a car"}]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["windows"], told["calls"], told["price"]["source"]) == (65, 65, "settings")
    assert 0.08 < told["expected_usd"] < 0.11 < told["at_most_usd"]
    assert api.get("/v1/jobs").json()["data"] == []


def test_the_provider_s_price_counts_where_a_worker_has_read_it(api: httpx.Client, settings: Settings, sessions: Sessions) -> None:
    video = rows.video(sessions, rows.workspace(sessions), **SIZE)
    by_settings = api.post(f"/v1/videos/{video.id}/estimate").json()
    tell_price(settings, settings.model)
    by_provider = api.post(f"/v1/videos/{video.id}/estimate").json()
    assert by_provider["price"] == {"model": settings.model, **PROVIDER_S}
    assert by_provider["expected_usd"] > 2 * by_settings["expected_usd"]
    other = api.post(f"/v1/videos/{video.id}/estimate", json={"model": "another/model"}).json()
    assert (other["price"]["model"], other["price"]["source"]) == ("another/model", "settings")


def test_signals_cost_nothing(api: httpx.Client, sessions: Sessions) -> None:
    video = rows.video(sessions, rows.workspace(sessions), **SIZE)
    told = api.post(f"/v1/videos/{video.id}/estimate", json={"analyzer": "signals"}).json()
    assert (told["calls"], told["expected_usd"], told["at_most_usd"], told["price"], told["passes"]) == (0, 0, 0, None, [])


@pytest.mark.parametrize(("body", "status", "code"), [({}, 409, "not_probed"), ({"budget_usd": -1}, 422, "invalid_request")])
def test_a_video_that_nobody_looked_at_has_no_estimate_yet(
    api: httpx.Client, sessions: Sessions, body: dict[str, Any], status: int, code: str
) -> None:
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    answer = api.post(f"/v1/videos/{video.id}/estimate", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_another_workspace_s_video_has_none_at_all(api: httpx.Client, sessions: Sessions) -> None:
    foreign = rows.video(sessions, rows.workspace(sessions, "another"), **SIZE)
    for video_id in (foreign.id, uuid4()):
        assert api.post(f"/v1/videos/{video_id}/estimate").status_code == 404


def test_the_same_estimate_is_on_the_job_once_it_is_planned(
    api: httpx.Client, settings: Settings, sessions: Sessions, tmp_path: Path
) -> None:
    runtime = replace(make_runtime(settings), ring=lambda *_: None)
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    make_video(tmp_path / "clip.mp4", duration_s=30, fps=5)
    runtime.blobs.put(video.blob_key, (tmp_path / "clip.mp4").read_bytes())
    tell_price(settings, settings.model)
    job, work = rows.job(sessions, video, settings)
    assert api.get(f"/v1/jobs/{job.id}").json()["estimate"] is None
    plan(runtime, work.id)
    told = api.get(f"/v1/jobs/{job.id}").json()
    same = {name: told["request"][name] for name in ("event_types", "analyzer", "model", "sampling")}
    assert told["estimate"] == api.post(f"/v1/videos/{video.id}/estimate", json=same).json()
    assert (told["estimate"]["price"]["source"], told["estimate"]["calls"]) == ("provider", 1)
    with sessions.begin() as session:
        assert session.get_one(Job, job.id).estimate == told["estimate"]
    runtime.sessions.engine.dispose()
