"""The API while one of its parts is away."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from core.settings import Settings
from db import heartbeats
from db.session import Sessions
from tests.conftest import serving
from tests.integration.test_uploads import MP4


@pytest.fixture
def frozen() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_readyz_tells_which_part_is_away(api: httpx.Client, sessions: Sessions) -> None:
    answer = api.get("/readyz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    workers = dict.fromkeys(("transfer_worker", "webhook_worker", "decode_worker", "model_worker", "sweep_worker", "sweeper"), "away")
    assert answer.json()["parts"] == {"blobs": "ok", "broker": "ok", "database": "ok", **workers}
    with sessions.begin() as session:
        for part in workers:
            heartbeats.beat(session, part=part, node="n1")
    assert api.get("/readyz").json()["status"] == "ok"
    with sessions.begin() as session:
        heartbeats.forget(session, part="decode_worker", node="n1")
    assert api.get("/readyz").json()["parts"]["decode_worker"] == "away"


def test_uploads_are_taken_while_the_broker_is_away_or_frozen(settings: Settings, api_key: str, frozen: int) -> None:
    for port in (1, frozen):
        broken = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{port}/0")})
        # The client's patience is the limit: an upload may take a second more, not the broker's time-outs.
        with serving(broken) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=4) as client:
            assert [client.post("/v1/videos", content=MP4).status_code for _ in range(3)] == [202, 202, 202]
            ready = httpx.get(f"{url}/readyz", timeout=10)
            assert (ready.status_code, ready.json()["status"], ready.json()["parts"]["broker"]) == (200, "degraded", "away")


def test_without_the_database_everything_is_a_503_that_says_when_to_come_back(settings: Settings, api_key: str) -> None:
    broken = settings.model_copy(update={"database_url": SecretStr("postgresql://playhead@127.0.0.1:1/playhead")})
    with serving(broken) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=20) as client:
        for answer in (client.get("/v1/videos"), client.post("/v1/videos", content=MP4)):
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["parts"]["database"]) == (503, "unavailable", "away")
        assert client.get("/healthz").status_code == 200


def test_a_blob_folder_that_is_gone_is_a_storage_that_is_away(api: httpx.Client, settings: Settings) -> None:
    Path(settings.blobs_url.removeprefix("file://")).rmdir()
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["blobs"]) == (503, "away")
