"""What tests share: a real Postgres with a database for each test, a real Valkey, and the API over real HTTP."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import hypothesis
import pytest
import uvicorn
from pydantic import SecretStr

from core.settings import Settings
from db import keys
from db.session import Sessions, make_engine
from db.upgrade import upgrade
from services.api.app import create_app
from services.api.server import configuration
from standalone.postgres import Postgres, postgres
from standalone.valkey import Valkey, valkey
from tests.polling import wait_until

_numbers = count()

hypothesis.settings.register_profile("untimed", deadline=None)  # how long an example takes tells of the machine
hypothesis.settings.load_profile("untimed")

LONGEST_FIRST = ("e2e", "chaos", "integration", "unit")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in several processes, a file stays in one of them, and so do all that share the one stack of `e2e`."""
    items.sort(key=lambda item: LONGEST_FIRST.index(_place(item)[0]))
    for item in items:
        kind, *_ = place = _place(item)
        shared = {"e2e": "the stack", **dict.fromkeys(("test_blobs.py", "test_object_storage.py"), "S3")}
        item.add_marker(pytest.mark.xdist_group(shared.get(kind) or shared.get(place[-1]) or "/".join(place)))


def _place(item: pytest.Item) -> tuple[str, ...]:
    return item.path.relative_to(Path(__file__).parent).parts


# Tests send these signals to processes of their own; started by `nohup` or behind an `&` they would all be born deaf to them.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres"), fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: Postgres) -> str:
    """A database at the newest version, to be cloned: 22 ms instead of a migration a test."""
    sessions = Sessions(make_engine(Settings(database_url=SecretStr(postgres_server.create("template_of_tests")))))
    upgrade(sessions)
    sessions.engine.dispose()
    return "template_of_tests"


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def database_url(postgres_server: Postgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield postgres_server.create(name, template=template)
    postgres_server.drop(name)


@pytest.fixture
def settings(database_url: str, valkey_server: Valkey, tmp_path: Path) -> Settings:
    """Each test has its own database, its own folder of blobs, and one of Valkey's databases to itself."""
    return Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(valkey_server.url(next(_numbers) % 16)),
        blobs_url=f"file://{tmp_path / 'blobs'}",
        model_api_key=None,
        log_level="WARNING",
    )


@pytest.fixture
def sessions(settings: Settings) -> Iterator[Sessions]:
    made = Sessions(make_engine(settings))
    yield made
    made.engine.dispose()


@pytest.fixture
def api_key(sessions: Sessions) -> str:
    with sessions.begin() as session:
        return keys.create(session, name="tests", scopes=["read", "write", "admin"])


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The API on a port of this machine, in a thread; gives its address."""
    server = uvicorn.Server(configuration(create_app(settings), settings))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the API to start")
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def api(settings: Settings, api_key: str) -> Iterator[httpx.Client]:
    """A client of a real server, with a key for everything."""
    with serving(settings) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        yield client
