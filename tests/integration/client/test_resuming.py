"""Uploads over a network that breaks, against the real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.blobs import Blobs
from core.settings import Settings
from db import uploads
from db.session import Sessions
from playhead import AsyncClient, Client
from tests.chaos.proxy import Proxies, proxies
from tests.conftest import serving
from tests.integration.client.blocking import blocking
from tests.integration.world import Recording

MB = 1024 * 1024


class Left(Exception):
    """The user lost patience."""


@pytest.fixture
def network() -> Iterator[Proxies]:
    with proxies() as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def client(settings: Settings, api_key: str, network: Proxies, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Of a real server, over a network that can be broken."""
    with serving(settings) as url:
        through = f"http://127.0.0.1:{network.open('api', to=urlsplit(url).port or 0)}"
        if request.param == "sync":
            with Client(through, api_key) as client:
                yield client
        else:
            with blocking(lambda: AsyncClient(through, api_key)) as client:
                yield client


@pytest.fixture
def file(recording: Recording, tmp_path: Path) -> Path:
    """A video of some megabytes, each different from the others."""
    path = tmp_path / "street.mp4"
    path.write_bytes(recording.clip + b"".join(bytes([number]) * MB for number in range(12)))
    return path


def stored(settings: Settings, sessions: Sessions, upload_id: str) -> bytes:
    blobs = Blobs(settings.blobs_url)
    with sessions.begin() as session:
        pieces = uploads.pieces(session, upload_id)  # type: ignore[arg-type]
    return b"".join(chunk for piece in pieces for chunk in blobs.stream(piece.blob_key, start=0, end=piece.size))


def test_an_upload_goes_on_where_it_was_however_often_the_network_breaks(
    client: Any, network: Proxies, file: Path, settings: Settings, sessions: Sessions
) -> None:
    breaks = [3 * MB, 6 * MB, 9 * MB]
    begun: list[str] = []

    def watch(sent: int, total: int | None) -> None:
        if breaks and sent > breaks[0]:
            breaks.pop(0)
            network.cut("api")

    done = client.upload(file, resumable=True, title="A street", on_begun=begun.append, on_progress=watch)
    assert (breaks, done.video.title, done.job.stage) == ([], "A street", "fetch")
    assert client.pending(begun[0]).video.id == done.video.id
    assert stored(settings, sessions, begun[0]) == file.read_bytes()


def test_what_was_given_up_is_gone_on_with_by_another(client: Any, file: Path) -> None:
    begun: list[str] = []

    def leave(sent: int, total: int | None) -> None:
        if sent > 6 * MB:
            raise Left

    with pytest.raises(Left):
        client.upload(file, resumable=True, on_begun=begun.append, on_progress=leave)
    steps: list[int] = []
    done = client.upload(file, resume=begun[0], on_progress=lambda sent, _: steps.append(sent))
    assert steps[-1] == file.stat().st_size
    assert client.job(done.job.id).video_id == done.video.id
