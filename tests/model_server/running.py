"""Starts the server: in a thread of the process that asks, so that it can't outlive it; or by itself (`python -m tests.model_server`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, socket
from threading import Thread
from time import monotonic, sleep
from typing import Any, cast

import uvicorn

from tests.model_server.app import make_app
from tests.model_server.control import Control

KEY = "test-model-key"
START_S = 10


@dataclass(frozen=True, slots=True)
class ModelServer:
    """`url` is what `PLAYHEAD_MODEL_URL` takes, `key` what it accepts as key."""

    url: str
    key: str
    control: Control


@contextmanager
def start(*, key: str = KEY, port: int = 0) -> Iterator[ModelServer]:
    """A server on localhost while the context lasts, ready when it is entered; port 0 takes a free one."""
    # Named as TCP, else asyncio leaves Nagle's algorithm on, and every answer takes 40 ms more.
    listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)
    listener.bind(("127.0.0.1", port))
    server = make_server(key=key)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="model-server", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Control(root) as control:
            yield ModelServer(f"{root}/v1", key, control)
    finally:
        _stop(server, thread)
        listener.close()


def make_server(*, key: str, port: int = 0) -> uvicorn.Server:
    app = make_app(key=key)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, loop="asyncio", http="h11", ws="none", lifespan="off", log_level="warning")
    app.state.server = uvicorn.Server(config)
    server: uvicorn.Server = app.state.server
    return server


def _stop(server: uvicorn.Server, thread: Thread) -> None:
    """Hang up on calls in flight: a reply that drips would keep a test from ending."""
    server.should_exit = True
    server.servers[0].get_loop().call_soon_threadsafe(_hang_up, server)
    thread.join(START_S)


def _hang_up(server: uvicorn.Server) -> None:
    for connection in cast("set[Any]", server.server_state.connections):
        connection.transport.abort()


def _wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    until = monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or monotonic() > until:
            raise RuntimeError("the test model server did not start")
        sleep(0.005)
