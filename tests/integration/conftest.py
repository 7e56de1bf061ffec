"""What integration tests share: a real S3 server, and a world to kill things in."""

import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from standalone.processes import free_port
from tests.integration.world import Recording, World
from tests.polling import wait_until


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """SeaweedFS, which checks signatures; gives what the environment must say to reach it.

    All of its ports are its own: its usual ones, and the sockets in `/tmp` that are named after them, may be somebody else's.
    """
    port = free_port()
    weed = Path(sysconfig.get_path("scripts"), "weed")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    where = [f"-dir={tmp_path_factory.mktemp('s3')}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false"]
    others = ("s3.port.grpc", *(f"{part}.port{kind}" for part in ("master", "volume", "filer", "admin") for kind in ("", ".grpc")))
    ports = [f"-s3.port={port}", *(f"-{name}={free_port()}" for name in others), "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command = [str(weed), "mini", *where, *ports, "-bucket=playhead"]
    with subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(f"{url}/playhead"), "the S3 server to start", timeout_s=90)
            yield {**keys, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 403  # it wants a signature
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording.make(tmp_path_factory.mktemp("recording"))


@pytest.fixture
def world(settings: Settings, recording: Recording, api_key: str) -> Iterator[World]:
    made = World(settings, recording, api_key)
    yield made
    made.close()


Operator = Callable[..., str]


@pytest.fixture
def operator(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    """Whoever sits at the server's command line; gives what it prints, or what it ends with."""
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", settings.database_url.get_secret_value())

    def run(main: Callable[[list[str]], None], *arguments: str, given: str = "") -> str:
        monkeypatch.setattr("sys.stdin", StringIO(given))
        try:
            main(list(arguments))
        except SystemExit as end:
            return capsys.readouterr().out.strip() or str(end.code or "")
        return capsys.readouterr().out.strip()

    return run
