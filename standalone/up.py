"""`up`: the whole stack on one machine, in the foreground."""

import math
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from standalone import parts
from standalone.parts import Program, python
from standalone.postgres import Postgres
from standalone.processes import CannotStart, Leash, free_port, run, wait_until, write_secret
from standalone.settings import StandaloneSettings
from standalone.state import State, held
from standalone.stopping import Stopping
from standalone.supervisor import Supervisor
from standalone.valkey import Valkey

HOST = "127.0.0.1"
DATABASE = "playhead"
TEND_S = 0.2
ASK_EVERY_S = 0.25


def up(settings: StandaloneSettings) -> None:
    """Start everything, say so in one line, and keep it running until SIGINT, SIGTERM or SIGHUP.

    Raises:
        CannotStart: with what to do about it.
    """
    with Stopping() as stopping, held(settings.data_dir.absolute()) as data_dir, Leash() as leash:
        state = State(f"http://{HOST}:{_claim_port(settings.port)}", pids={"supervisor": os.getpid()})

        def publish(pids: dict[str, int]) -> None:
            state.pids |= pids
            state.publish(data_dir)

        supervisor = Supervisor(leash, data_dir / "logs", report=_report, changed=publish)
        try:
            _start(supervisor, settings, data_dir, url=state.url, pause=stopping.pause)
            state.ready = True
            state.publish(data_dir)
            print(f"Playhead is ready at {state.url}", flush=True)
            while True:
                supervisor.tend()
                stopping.pause(TEND_S)
        finally:
            _report("Stopping ...")
            supervisor.stop()


def _start(supervisor: Supervisor, settings: StandaloneSettings, data_dir: Path, *, url: str, pause: Callable[[float], None]) -> None:
    _report("Starting Postgres and Valkey ...")
    postgres = Postgres(data_dir, binaries=settings.postgres_bin)
    valkey = Valkey(data_dir, binary=settings.valkey_server)
    supervisor.start(postgres, valkey)
    supervisor.await_ready(pause=pause)
    if not postgres.has(DATABASE):
        postgres.create(DATABASE)
    environment = {
        "PLAYHEAD_DATABASE_URL": postgres.url(DATABASE),
        "PLAYHEAD_REDIS_URL": valkey.url(),
        "PLAYHEAD_BLOBS_URL": f"file://{data_dir / 'blobs'}",
    }
    _run(parts.UPGRADE, environment)
    _report("Starting the API and the workers ...")
    supervisor.start(*_programs(environment, data_dir, url))
    _ensure_api_key(data_dir / "api-key", environment)
    supervisor.await_ready(pause=pause)


def _programs(environment: dict[str, str], data_dir: Path, url: str) -> list[Program]:
    readiness = Readiness(url)
    return [
        Program("api", parts.api(HOST, int(url.rpartition(":")[2])), environment, probe=lambda: readiness.has("database", "blobs")),
        Program("transfer", parts.TRANSFER, environment, probe=lambda: readiness.has("transfer_worker")),
        Program("webhook", parts.WEBHOOK, environment, probe=lambda: readiness.has("webhook_worker")),
        Program("decode", parts.DECODE, environment, probe=lambda: readiness.has("decode_worker")),
        Program("model", parts.MODEL, environment, probe=lambda: readiness.has("model_worker")),
        Program("sweep", parts.SWEEP, environment, probe=lambda: readiness.has("sweep_worker")),
        Program("beat", parts.beat(data_dir / "beat-schedule"), environment, probe=lambda: readiness.has("sweeper")),
    ]


class Readiness:
    """What `/readyz` says, asked four times a second at the most: what is asked while everything starts slows everything down."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=5, trust_env=False, verify=False)  # noqa: S501 - there is no TLS here
        self._at_work: set[str] = set()
        self._asked = -math.inf

    def has(self, *wanted: str) -> bool:
        """Whether the API answers and knows these parts to be at work."""
        if time.monotonic() - self._asked > ASK_EVERY_S:
            self._at_work = self._ask()
            self._asked = time.monotonic()
        return set(wanted) <= self._at_work

    def _ask(self) -> set[str]:
        try:
            told = self._client.get("/readyz").json()
        except (httpx.HTTPError, ValueError):
            return set()
        return {part for part, status in told["parts"].items() if status == "ok"}


def _ensure_api_key(path: Path, environment: dict[str, str]) -> None:
    """Leave a key in the file that works: the one there, or a new one with all scopes."""
    if path.exists() and run(python(parts.VERIFY_KEY, environment), path.read_text()).code == 0:
        return
    write_secret(path, _run(parts.CREATE_KEY, environment))


def _run(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    answer = run(python(arguments, environment))
    if answer.code:
        raise CannotStart(f"`python {' '.join(arguments)}` failed:\n{answer.last_words}")
    return answer.output


def _claim_port(port: int) -> int:
    """The port, if nobody has it; a stack that was just killed gets two seconds to let go."""
    if port == 0:
        return free_port()
    if not wait_until(lambda: _can_bind(port), timeout_s=2):
        raise CannotStart(
            f"Port {port} of {HOST} can't be had: it is taken, or not allowed. PLAYHEAD_PORT names another one (0: any free one)."
        )
    return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the past do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
