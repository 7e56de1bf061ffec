"""The API answers as its OpenAPI document says, whatever it is asked: Schemathesis asks, at random but always the same."""

import json
import os
import subprocess
import sysconfig
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.routing import compile_path

from db import keys, uploads
from db.keys import SCOPES
from db.models import Video
from tests.conftest import serving
from tests.integration import rows
from tests.integration.belongings import Owner
from tests.integration.mortal import Fate
from tests.integration.test_keys import with_key
from tests.integration.world import World, analyse

HERE = Path(__file__).parent


NEVER_WELL = {
    "POST /v1/jobs/{job_id}/retry": "A job must have ended without all of its answers, and while no worker runs none ends.",
}


@pytest.mark.timeout(600)  # it grows with the API
def test_no_answer_is_a_server_error_or_undocumented(world: World, tmp_path: Path) -> None:
    analyse(world, Fate(None))
    ids, spared = belongings(world)
    # No stream keeps it from asking on, and no limit from being answered.
    patient = {"stream_time": timedelta(milliseconds=100), "max_requests_a_minute": 0, "max_failures_a_minute": 0}
    with serving(world.settings.model_copy(update=patient)) as url:
        schemathesis = [Path(sysconfig.get_path("scripts"), "schemathesis"), "--config-file", HERE / "schemathesis.toml", "--no-color"]
        command = [*schemathesis, "run", f"--report-har-path={tmp_path / 'har'}", f"{url}/openapi.json"]
        told = {"PLAYHEAD_API_KEY": world.api_key, "PLAYHEAD_IDS": json.dumps(ids), "PLAYHEAD_SPARED": json.dumps(spared)}
        environment = {**os.environ, **told, "PYTHONPATH": str(HERE.parents[2])}
        done = subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True, check=False)
        print(done.stdout[-20_000:], done.stderr)
        assert done.returncode == 0
        me = httpx.get(f"{url}/v1/me", headers=with_key(world.api_key))
        assert me.json()["key"]["scopes"] == list(SCOPES), "The key was changed or revoked, and nothing was asked from then on."
        paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert operations - answered_well(tmp_path / "har", paths) == NEVER_WELL.keys()


def belongings(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """The id of one of everything, by the names that paths have for it; and what to change or delete in the place of what has to stay: the
    key that asks, and the video that was analysed.
    """
    owner = Owner("default", world.sessions, world.settings)
    with world.sessions.begin() as session:
        asking = keys.find(session, world.api_key)
        assert asking is not None
        analysed = owner.has["video_id"] = session.query(Video).one()
        owner.has["upload_id"] = uploads.create(session, owner.workspace_id, kept=timedelta(hours=1))  # as long as anybody says
    ids = owner.ids()
    spare = rows.video(owner.sessions, owner.workspace_id)
    return ids, {str(asking.id): ids["key_id"], str(analysed.id): str(spare.id)}


def answered_well(har: Path, paths: dict[str, Any]) -> set[str]:
    """The operations that a report has a 2xx of."""
    patterns = {path: compile_path(path)[0] for path in paths}
    found = set()
    for entry in json.loads(har.read_text(encoding="utf-8"))["log"]["entries"]:
        asked = entry["request"]
        if entry["response"]["status"] in range(200, 300):
            found |= {f"{asked['method']} {path}" for path, pattern in patterns.items() if pattern.match(urlsplit(asked["url"]).path)}
    return found


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
