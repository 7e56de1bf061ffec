"""The API answers as its OpenAPI document says, whatever it is asked: Schemathesis asks, at random but always the same."""

import os
import subprocess
import sysconfig
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.conftest import serving
from tests.integration.mortal import Fate
from tests.integration.world import World, analyse

HERE = Path(__file__).parent


@pytest.mark.timeout(600)  # it grows with the API
def test_no_answer_is_a_server_error_or_undocumented(world: World) -> None:
    analyse(world, Fate(None))
    short = world.settings.model_copy(update={"stream_time": timedelta(milliseconds=100)})  # no stream keeps it from asking on
    with serving(short) as url:
        command = [Path(sysconfig.get_path("scripts"), "schemathesis"), "--config-file", HERE / "schemathesis.toml", "--no-color", "run"]
        environment = {**os.environ, "PLAYHEAD_API_KEY": world.api_key, "PYTHONPATH": str(HERE.parents[2])}
        done = subprocess.run([*command, f"{url}/openapi.json"], env=environment, cwd=HERE, capture_output=True, text=True, check=False)
    print(done.stdout[-20_000:], done.stderr)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/videos", {"GET", "POST"}),
        ("/v1/videos/0198c0de-0000-7000-8000-000000000000", {"GET", "DELETE"}),
        ("/v1/videos/0198c0de-0000-7000-8000-000000000000/media", {"GET", "HEAD"}),
        ("/", {"GET"}),
    ],
)
def test_a_method_that_an_address_does_not_know_is_told_with_all_that_it_does(api: httpx.Client, path: str, methods: set[str]) -> None:
    answer = api.patch(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) >= methods


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/webhooks"])
def test_a_change_without_a_body_is_refused(api: httpx.Client, path: str) -> None:
    answer = api.patch(f"{path}/0198c0de-0000-7000-8000-000000000000")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
