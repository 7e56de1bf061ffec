from collections.abc import Iterator
from typing import Any

import pytest

from playhead import AsyncClient, Client
from tests.integration.client.blocking import blocking
from tests.integration.client.script import Script, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Script]:
    with serving() as script:
        yield script


@pytest.fixture
def script(server: Script) -> Script:
    server.forget()
    return server


@pytest.fixture(params=["sync", "async"])
def client(script: Script, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the two, to be used in the same way."""
    if request.param == "sync":
        with Client(script.url, "key-1") as client:
            yield client
    else:
        with blocking(lambda: AsyncClient(script.url, "key-1")) as client:
            yield client
