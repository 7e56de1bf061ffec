from collections.abc import Iterator

import pytest

from playhead import Client
from tests.integration.client.script import Script, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Script]:
    with serving() as script:
        yield script


@pytest.fixture
def script(server: Script) -> Script:
    server.forget()
    return server


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with Client(script.url, "key-1") as client:
        yield client
