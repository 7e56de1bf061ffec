"""The clients that people have: tus-js-client, as in a web page, and tuspy."""

import json
import subprocess
import sysconfig
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient

from db.models import Video
from tests.integration.test_uploads import MP4
from tests.integration.tus.speaking import Tus
from tests.integration.tus.test_protocol import count, fetched
from tests.polling import wait_until
from workers.runtime import Runtime

JS = Path(__file__).parent / "js"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "yard.mp4"
    path.write_bytes(MP4)
    return path


def in_javascript(how: str, url: str, api_key: str, clip: Path) -> dict[str, Any]:
    node = Path(sysconfig.get_path("scripts"), "node")
    done = subprocess.run([node, JS / "upload.mjs", how, url, api_key, clip], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def assert_arrived(runtime: Runtime, video_id: str) -> Video:
    video = fetched(runtime)
    assert (str(video.id), runtime.blobs.get(video.blob_key)) == (video_id, MP4)
    return video


@pytest.mark.parametrize(
    ("how", "events"),
    [
        ("whole", ["POST 201"]),
        ("resumed", ["HEAD 200", "PATCH 204", "PATCH 204", "PATCH 204"]),
        ("side by side", None),
    ],
)
def test_tus_js_client_brings_a_video(tus: Tus, runtime: Runtime, api_key: str, clip: Path, how: str, events: list[str] | None) -> None:
    told = in_javascript(how, str(tus.client.base_url), api_key, clip)
    assert told["events"] == events or events is None
    assert assert_arrived(runtime, told["video"]).title == "Straße"
    assert tus.client.get(told["url"]).json()["job"]["id"] == told["job"]
    assert count(runtime.sessions)[1:] == (1, 1)


def test_tus_js_client_ends_an_upload(tus: Tus, runtime: Runtime, api_key: str, clip: Path) -> None:
    told = in_javascript("given up", str(tus.client.base_url), api_key, clip)
    wait_until(lambda: tus.ask("HEAD", told["url"]).status_code == 410, "the upload to be gone")


def test_tuspy_resumes_with_checksums(tus: Tus, runtime: Runtime, api_key: str) -> None:
    client = TusClient(f"{tus.client.base_url}/v1/uploads", headers={"Authorization": f"Bearer {api_key}"})
    how: dict[str, Any] = {"file_stream": BytesIO(MP4), "chunk_size": 3000, "upload_checksum": True}
    begun = client.uploader(metadata={"filename": "yard.mp4", "title": "Straße"}, **how)
    begun.upload(stop_at=6000)
    going = client.uploader(url=begun.url, **how)
    assert going.offset == 6000
    going.upload()
    head = httpx.head(str(begun.url), headers={**client.headers, "Tus-Resumable": "1.0.0"})
    assert assert_arrived(runtime, head.headers["playhead-video-id"]).title == "Straße"
