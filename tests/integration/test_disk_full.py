"""A full disk is a 507, and leaves neither a row nor half a blob."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from db.models import Video
from db.session import Sessions
from standalone.processes import free_port
from tests.integration.test_uploads import MP4
from tests.polling import wait_until

SMALL_DISK = 'mount -t tmpfs -o size=24m small "$1" && shift && exec "$@"'


@pytest.fixture
def cramped(settings: Settings, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The API with its blobs on a file system of 24 MiB, in a mount namespace of its own: its address, and the disk as it sees it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    port = free_port()
    environment = {
        **os.environ,
        "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
        "PLAYHEAD_REDIS_URL": settings.redis_url.get_secret_value(),
        "PLAYHEAD_BLOBS_URL": f"file://{disk}",
    }
    api = (sys.executable, "-m", "services.api", "--port", str(port))
    command = ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c", SMALL_DISK, "sh", str(disk), *api]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(url), "the API to start")
            yield url, Path(f"/proc/{process.pid}/root") / disk.relative_to("/")
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("form", [True, False])
def test_an_upload_that_does_not_fit_is_a_507_and_the_next_one_that_does_is_taken(
    cramped: tuple[str, Path], api_key: str, sessions: Sessions, form: bool
) -> None:
    url, disk = cramped
    large = MP4 + bytes(32 * 1024**2)
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        answer = client.post("/v1/videos", files={"file": large}) if form else client.post("/v1/videos", content=large)
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert [path for path in disk.rglob("*") if path.is_file()] == []
        with sessions.begin() as session:
            assert session.query(Video).count() == 0
        assert client.post("/v1/videos", content=MP4).status_code == 202
