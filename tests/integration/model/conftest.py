"""A model server, and a client that asks it impatiently."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.model_server import ModelServer, start
from workers.model.client import ModelClient
from workers.model.profiles import PLAIN

MakeClient = Callable[..., ModelClient]


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    with start() as server:
        yield server


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    """Honest, with an empty book."""
    running.control.honest()
    running.control.clear()
    return running


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """One for all, as in a worker: making one reads all certificates of the system."""
    with httpx.Client() as made:
        yield made


@pytest.fixture
def make_client(server: ModelServer, http: httpx.Client) -> MakeClient:
    def make(*, http: httpx.Client = http, **changed: Any) -> ModelClient:
        settings: dict[str, Any] = {"url": server.url, "api_key": server.key, "profile": PLAIN, "tries": 3}
        settings |= {"backoff": timedelta(milliseconds=5), "backoff_max": timedelta(milliseconds=20), "timeout": timedelta(seconds=20)}
        return ModelClient(http, **settings | changed)

    return make
