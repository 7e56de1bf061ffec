"""The parts that are Playhead itself, as data; `docker-compose.yml` starts the same ones, and a test holds the two together."""

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from standalone.processes import Command

ROOT = Path(__file__).parent.parent

CELERY = ("-m", "celery", "-A", "workers.app")
WORKER = ("worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO")


def api(host: str, port: int) -> tuple[str, ...]:
    """The arguments of `python` that run the API."""
    return ("-m", "services.api", "--host", host, "--port", str(port))


DECODE = (*CELERY, *WORKER, "--hostname", "decode@%h", "--queues", "decode", "--pool", "prefork")
"""Prefork, as decoding takes CPU: one process a core, Celery's default."""

MODEL = (*CELERY, *WORKER, "--hostname", "model@%h", "--queues", "model", "--pool", "threads", "--concurrency", "16")
"""Threads, as asking a model is waiting."""

TRANSFER = (*CELERY, *WORKER, "--hostname", "transfer@%h", "--queues", "transfer", "--pool", "threads", "--concurrency", "8")
"""Threads, as bringing bytes in is waiting for a network or a storage."""

WEBHOOK = (*CELERY, *WORKER, "--hostname", "webhook@%h", "--queues", "webhook", "--pool", "threads", "--concurrency", "8")
"""A worker of its own, so that nobody is told late because others bring in long videos."""

SWEEP = (*CELERY, *WORKER, "--hostname", "sweep@%h", "--queues", "sweep", "--pool", "threads", "--concurrency", "2")
"""A worker of its own, so that no call that hangs keeps lost work from being found again."""

UPGRADE = ("-m", "db.upgrade")
CREATE_KEY = ("-m", "db.keys", "create", "--name", "standalone", "--scope", "read", "--scope", "write", "--scope", "admin")
VERIFY_KEY = ("-m", "db.keys", "verify")


def beat(schedule: Path) -> tuple[str, ...]:
    """The arguments of `python` that run the clock; `schedule` is a file where it keeps when things ran last."""
    return (*CELERY, "beat", "--loglevel", "INFO", "--schedule", str(schedule), "--pidfile", "")


def python(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Command:
    """Run a module of the checkout with this very Python."""
    return Command((sys.executable, *arguments), {"PYTHONUNBUFFERED": "1", **environment}, ROOT)


@dataclass(frozen=True)
class Program:
    """A part that is Python code of the checkout. Where nothing tells that it is ready, it is once it runs."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    probe: Callable[[], bool] = lambda: True
    stop_signal: signal.Signals = signal.SIGTERM
    ready_s: float = 120.0

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def command(self) -> Command:
        return python(self.arguments, self.environment)

    def is_ready(self) -> bool:
        return self.probe()
