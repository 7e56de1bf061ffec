"""The stack under attack: the parts that `standalone` starts, two workers of a kind, with a proxy on each link."""

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from standalone import parts
from standalone.part import Part, await_ready, start
from standalone.parts import Program, python
from standalone.postgres import Postgres
from standalone.processes import CannotStart, Leash, Process, free_port, run
from standalone.up import DATABASE, HOST, Readiness
from standalone.valkey import Valkey
from tests.chaos import clock
from tests.chaos.proxy import Proxies, proxies
from tests.model_server.control import Control
from tests.model_server.running import KEY

RESTART_S = 1.0
"""How soon whatever ended is started again, as the product's own supervisor does."""

STOP_S = 30.0

SETTINGS: Mapping[str, str] = {
    "PLAYHEAD_LEASE": "5",
    "PLAYHEAD_IDEMPOTENCY_LEASE": "2",
    "PLAYHEAD_SWEEP_EVERY": "2",
    "PLAYHEAD_OUTAGE_BACKOFF": "2",
    "PLAYHEAD_MODEL_BACKOFF": "0.2",
    "PLAYHEAD_MODEL_TIMEOUT": "20",
    "PLAYHEAD_STOP_PATIENCE": "5",
    "PLAYHEAD_MAX_UPLOAD_TIME": "30",
    "PLAYHEAD_JOB_DEADLINE": "3600",
    "PLAYHEAD_OUTBOUND_HTTP": "true",
    "PLAYHEAD_OUTBOUND_ALLOW": '["127.0.0.1/32"]',
    "PLAYHEAD_WEBHOOK_TIMEOUT": "3",
    "PLAYHEAD_WEBHOOK_BACKOFF": str([1] * 30),
}
"""Those of production but for shorter times, so that a run takes minutes."""

WORKERS = ("transfer", "webhook", "decode1", "decode2", "model1", "model2", "sweep")
PROGRAMS = (*WORKERS, "beat", "api")
SERVERS = ("postgres", "valkey")
MODEL = "model-server"
TICK_S = 0.03


def _numbered(arguments: tuple[str, ...], queue: str, name: str) -> tuple[str, ...]:
    return tuple(f"{name}@%h" if argument == f"{queue}@%h" else argument for argument in arguments)


class Stack:
    """Processes by name. Everything here is called by the main thread, which `PDEATHSIG` ties the processes to."""

    def __init__(self, data_dir: Path, links: Proxies, leash: Leash, *, small_disk: Path | None) -> None:
        """`small_disk`: where the blobs are to lie, if there is a file system that can be filled."""
        self.data_dir, self.links, self._leash, self.small_disk = data_dir, links, leash, small_disk
        self.logs = data_dir / "logs"
        self.logs.mkdir(parents=True)
        self.blobs = (small_disk or data_dir) / "blobs"
        self.blobs.mkdir()
        self.clock = clock.build(data_dir)
        self.postgres, self.valkey = Postgres(data_dir), Valkey(data_dir)
        self.parts: dict[str, Part] = {"postgres": self.postgres, "valkey": self.valkey}
        self.processes: dict[str, Process] = {}
        self.held: set[str] = set()
        self._ended_at: dict[str, float] = {}
        self._ports: dict[str, int] = {}
        self.starts: list[tuple[str, int, float]] = []

    def start(self) -> None:
        """Return once everything is ready. Raises `CannotStart`."""
        for name in SERVERS:
            self._start(name)
        await_ready(*((self.parts[name], self.processes[name]) for name in SERVERS))
        self.postgres.create(DATABASE)
        direct = {**self._environment(self.database_url, self.broker_url), **SETTINGS}
        self.api_key = ""
        for command in (parts.UPGRADE, parts.CREATE_KEY):
            told = run(python(command, direct))
            if told.code:
                raise CannotStart(told.last_words)
            self.api_key = told.output
        self._start_model()
        port = free_port()
        self.url = f"http://{HOST}:{self.links.open('client-api', port)}"
        readiness = Readiness(f"http://{HOST}:{port}")
        wanted = ("database", "blobs", "transfer_worker", "webhook_worker", "decode_worker", "model_worker", "sweep_worker", "sweeper")
        for name, arguments in self._programs(port).items():
            ready = (lambda: readiness.has(*wanted)) if name == "api" else (lambda: True)
            self.parts[name] = Program(name, arguments, self._linked(name), probe=ready)
            self._start(name)
        await_ready(*((self.parts[name], self.processes[name]) for name in PROGRAMS))

    @property
    def database_url(self) -> str:
        """Past all proxies, as the one below."""
        return self.postgres.url(DATABASE)

    @property
    def broker_url(self) -> str:
        return self.valkey.url()

    def is_up(self, name: str) -> bool:
        return name not in self.held and self.processes[name].exit_code is None

    def tend(self) -> None:
        """Start again what ended and is not held; call often."""
        for name, process in self.processes.items():
            if process.exit_code is not None and name not in self.held:
                ended_at = self._ended_at.setdefault(name, time.monotonic())
                if time.monotonic() >= ended_at + RESTART_S:
                    self._leash.release(process)
                    self._start(name)
                    del self._ended_at[name]
                    return  # the dictionary changed
        self._leash.guard()

    def set(self, name: str, environment: Mapping[str, str]) -> None:
        """What a program finds in its environment from its next start on, beside what it always does."""
        program = self.parts[name]
        assert isinstance(program, Program)
        self.parts[name] = replace(program, environment={**self._linked(name), **environment})

    def family(self, name: str) -> list[psutil.Process]:
        """A part's process and all below it, parents first."""
        try:
            first = psutil.Process(self.processes[name].pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        self.processes[name].signal(number)

    def stop_programs(self) -> dict[str, float]:
        """Stop what is Playhead, and the model; how long each took, in seconds. What takes too long is killed."""
        return self._stop(PROGRAMS) | self._stop((MODEL,))

    def stop_servers(self) -> dict[str, float]:
        return self._stop(SERVERS)

    def _stop(self, names: tuple[str, ...]) -> dict[str, float]:
        asked_at = time.monotonic()
        for name in names:
            self.processes[name].signal(self.parts[name].stop_signal)
        took: dict[str, float] = {}
        waiting = set(names)
        while waiting and time.monotonic() < asked_at + STOP_S:
            for name in [name for name in waiting if self.processes[name].exit_code is not None]:
                took[name] = time.monotonic() - asked_at
                waiting.remove(name)
            time.sleep(TICK_S)
        for name in names:
            self._leash.release(self.processes[name])
        return took | dict.fromkeys(waiting, STOP_S)

    def _start(self, name: str) -> None:
        self.processes[name] = start(self.parts[name], self._leash, self.logs)
        self.starts.append((name, self.processes[name].pid, time.time()))

    def _start_model(self) -> None:
        port = free_port()
        self.model = Control(f"http://{HOST}:{port}")

        def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return self.model.pending() == 0
            return False

        self._model_port = port
        self.parts[MODEL] = Program(MODEL, ("-m", "tests.model_server", "--port", str(port)), {}, probe=is_ready)
        self._start(MODEL)
        await_ready((self.parts[MODEL], self.processes[MODEL]))

    def _programs(self, port: int) -> dict[str, tuple[str, ...]]:
        one = ("--concurrency", "1")
        return {
            "transfer": parts.TRANSFER,
            "webhook": parts.WEBHOOK,
            "decode1": (*_numbered(parts.DECODE, "decode", "decode1"), *one),
            "decode2": (*_numbered(parts.DECODE, "decode", "decode2"), *one),
            "model1": _numbered(parts.MODEL, "model", "model1"),
            "model2": _numbered(parts.MODEL, "model", "model2"),
            "sweep": parts.SWEEP,
            "beat": parts.beat(self.data_dir / "beat-schedule"),
            "api": parts.api(HOST, port),
        }

    def _linked(self, name: str) -> dict[str, str]:
        """A part's environment: each server is behind a link of its own."""
        links = self._ports
        for server, url in (("postgres", self.database_url), ("valkey", self.broker_url), ("model", f"http://{HOST}:{self._model_port}")):
            link = f"{name}-{server}"
            if link not in links:
                links[link] = self.links.open(link, urlsplit(url).port or 0)
        database, broker = (
            url.replace(f":{urlsplit(url).port}/", f":{links[f'{name}-{server}']}/")
            for server, url in (("postgres", self.database_url), ("valkey", self.broker_url))
        )
        model = f"http://{HOST}:{links[f'{name}-model']}/v1"
        return {**self._environment(database, broker), **SETTINGS, "PLAYHEAD_MODEL_URL": model, "PLAYHEAD_MODEL_API_KEY": KEY}

    def _environment(self, database: str, broker: str) -> dict[str, str]:
        return {"PLAYHEAD_DATABASE_URL": database, "PLAYHEAD_REDIS_URL": broker, "PLAYHEAD_BLOBS_URL": f"file://{self.blobs}"}


@contextmanager
def stack(data_dir: Path, *, small_disk: Path | None = None) -> Iterator[Stack]:
    """Started and ready; whatever of it is left afterwards is killed."""
    with proxies() as links, Leash() as leash:
        made = Stack(data_dir, links, leash, small_disk=small_disk)
        made.start()
        yield made
