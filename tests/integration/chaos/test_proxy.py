"""A link that is slow, silent, refused or cut, with both its ends well."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest

from tests.chaos.proxy import Proxies, proxies

LOOK_S = 0.3


@pytest.fixture
def links() -> Iterator[Proxies]:
    with proxies() as made:
        yield made


@pytest.fixture
def client(links: Proxies) -> Iterator[socket.socket]:
    """Connected through a link named `echo` to a server that says everything again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_echo, args=(server,), daemon=True).start()
        port = links.open("echo", server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            assert _said(connection) == b"hello"
            yield connection


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, suppress(ConnectionResetError):
        while data := connection.recv(100):
            connection.sendall(data)


def _said(connection: socket.socket) -> bytes:
    connection.sendall(b"hello")
    return connection.recv(100)


def test_a_slow_link_delays_each_piece(links: Proxies, client: socket.socket) -> None:
    links.delay("echo", LOOK_S)
    began = time.monotonic()
    assert _said(client) == b"hello"
    assert time.monotonic() - began >= 2 * LOOK_S


def test_a_silent_link_loses_nothing_and_goes_on(links: Proxies, client: socket.socket) -> None:
    links.stall("echo")
    client.sendall(b"hello")
    client.settimeout(LOOK_S)
    with pytest.raises(TimeoutError):
        client.recv(100)
    client.settimeout(5)
    links.heal("echo")
    assert client.recv(100) == b"hello"


def test_a_cut_ends_the_connection(links: Proxies, client: socket.socket) -> None:
    links.cut("echo")
    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_link_that_refuses_lets_nobody_stay(links: Proxies, client: socket.socket) -> None:
    address = client.getpeername()
    links.refuse("echo")
    # It may be gone before it was told that it is there.
    with pytest.raises(ConnectionResetError), socket.create_connection(address, timeout=5) as another:
        another.recv(100)
