"""`kill -9` of the API while bytes come in, again and again: the client goes on from what it is told, and the video is byte for byte what
was sent; one video, one job.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from core.settings import Settings
from tests.integration.test_uploads import MP4
from tests.integration.tus.conftest import PART
from tests.integration.tus.process import Api
from tests.integration.tus.speaking import BODY, Tus
from tests.integration.tus.test_protocol import count, fetched
from tests.polling import wait_until
from workers.runtime import Runtime


@pytest.fixture
def running(settings: Settings, api_key: str) -> Iterator[tuple[Api, Tus]]:
    api = Api(settings)
    with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        yield api, Tus(client)
    api.kill()


@contextmanager
def under_way(tus: Tus, address: str, at: int, size: int) -> Iterator[None]:
    """A request that is to bring all the rest, and has brought `size` bytes of it."""
    place, authorization = urlsplit(str(tus.client.base_url)), tus.client.headers["authorization"]
    head = (
        f"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BODY}\r\n"
        f"Upload-Offset: {at}\r\nContent-Length: {len(MP4) - at}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(head.encode() + MP4[at : at + size])
        yield


def test_an_api_killed_at_many_bytes_loses_no_piece_that_counted(running: tuple[Api, Tus], runtime: Runtime) -> None:
    api, tus = running
    address = tus.begin(len(MP4))
    for size in (1, PART - 1, PART + 1):
        at = tus.offset(address)
        counted = at + size // PART * PART
        with under_way(tus, address, at, size):
            wait_until(lambda upto=counted: tus.offset(address) == upto, "whole pieces to count")  # type: ignore[misc]
            api.kill()
        api.start()
        assert tus.offset(address) == counted
    at = tus.offset(address)
    with under_way(tus, address, at, len(MP4) - at):
        api.kill()  # before, in or after the last transaction
    api.start()
    at = tus.offset(address)
    assert tus.send(address, at, MP4[at:]).status_code == 204
    assert runtime.blobs.get(fetched(runtime).blob_key) == MP4
    assert count(runtime.sessions) == (1, 1, 1)
