"""What benchmarks of the API share: the API as it is deployed, in a process of its own, on a Postgres and a Valkey of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from core.settings import Settings
from db import keys
from db.session import Sessions, make_engine
from db.upgrade import upgrade
from standalone import parts
from standalone.postgres import postgres
from standalone.processes import free_port, wait_until
from standalone.valkey import valkey

WORKSPACE = "benchmark"


@dataclass(frozen=True)
class Server:
    """`environment` is what another process needs to serve from the same database."""

    url: str
    pid: int
    settings: Settings
    sessions: Sessions
    api_key: str
    environment: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}


@contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """`settings` are those of the API that are not as usual, by name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(postgres(folder / "postgres")).create("benchmark")
        broker = stack.enter_context(valkey(folder / "valkey")).url()
        known = {
            "database_url": database,
            "redis_url": broker,
            "blobs_url": f"file://{folder / 'blobs'}",
            "log_level": "WARNING",
            **settings,
        }
        environment = {f"PLAYHEAD_{name.upper()}": value for name, value in known.items()}
        sessions = Sessions(make_engine(Settings(database_url=SecretStr(database))))
        stack.callback(sessions.engine.dispose)
        upgrade(sessions)
        with sessions.begin() as session:
            key = keys.create(session, name="benchmark", scopes=["read", "write"], workspace=WORKSPACE)
        port = free_port()
        url, pid = stack.enter_context(process(parts.api("127.0.0.1", port), f"http://127.0.0.1:{port}/healthz", environment))
        yield Server(url, pid, Settings(database_url=SecretStr(database), model_api_key=SecretStr("none")), sessions, key, environment)


@contextmanager
def process(arguments: tuple[str, ...], ready: str, environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """A Python that serves, once it does; its address and its number."""
    with subprocess.Popen([sys.executable, *arguments], env={**os.environ, **environment}) as running:
        try:
            if not wait_until(lambda: running.poll() is not None or _answers(ready), timeout_s=60) or running.poll() is not None:
                raise RuntimeError(f"{' '.join(arguments)} does not serve")
            yield ready.rpartition("/")[0], running.pid
        finally:
            running.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
