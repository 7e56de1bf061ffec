"""The Celery app: its settings, its schedule, and what each worker process does when it starts.

Run by `celery -A workers.app worker -Q decode --pool prefork`, `... -Q model --pool threads`, the same for `transfer`, `webhook` and
`sweep`, and `celery -A workers.app beat`.
"""

import os
import socket
import threading
from typing import Any

import structlog
from celery import Celery, signals

from core.configuration import read
from core.errors import DatabaseUnavailable
from core.processes import die_with_parent
from core.queue import ROUTES, SAMPLE, SWEEP, broker_config
from core.settings import Settings
from core.telemetry import configure_logging
from db import heartbeats
from workers.frames.sampler import Limits, Sampler
from workers.frames.sandbox import canaries
from workers.runtime import runtime
from workers.stopping import STOP

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0

settings = read(Settings)
app = Celery("playhead", include=["workers.tasks"])
app.conf.update(broker_config(settings))
_retired = threading.Event()
# Without `expires`: that is the sender's time, compared with the taker's clock, and one that is a minute ahead would never sweep.
SWEEP_OPTIONS: dict[str, Any] = {"queue": ROUTES[SWEEP]}
app.conf.beat_schedule = {"sweep": {"task": SWEEP, "schedule": settings.sweep_every, "options": SWEEP_OPTIONS}}


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    configure_logging(settings)


@signals.celeryd_after_setup.connect
def _prove_decoder(**_: Any) -> None:
    """A worker whose decoder is not what it must be takes no work: it ends with exit code 1."""
    if ROUTES[SAMPLE] not in app.amqp.queues.consume_from:
        return
    try:
        decoder = canaries.prove(Sampler(Limits.of(settings)), isolated=settings.sandbox == "require")
    except canaries.Unsafe as error:
        log.critical("decoder.unsafe", reason=str(error))
        raise SystemExit(1) from error
    if decoder.missing:
        log.warning("decoder.not_isolated", missing=decoder.missing, hostile_code_could=decoder.exposed)


@signals.celeryd_after_setup.connect
def _bury_predecessor(**_: Any) -> None:
    """Whoever was killed here a moment ago is not taken for this worker, which is not ready yet."""
    try:
        with runtime().sessions.begin() as session:
            heartbeats.forget_host(session, part=_part(), host=socket.gethostname())
    except DatabaseUnavailable as error:
        log.warning("heartbeat.missed", error=error.as_dict())


@signals.worker_process_init.connect
def _leash(**_: Any) -> None:
    """A pool process must not outlive its worker: nobody would ever give it work again."""
    die_with_parent()


@signals.worker_ready.connect
def _announce(**_: Any) -> None:
    threading.Thread(target=_keep_announcing, args=(_part(),), name="heartbeat", daemon=True).start()


@signals.worker_ready.connect
def _sweep_at_once(**_: Any) -> None:
    """What was left lying while nothing ran does not wait for the clock."""
    if ROUTES[SWEEP] in app.amqp.queues.consume_from:
        app.send_task(SWEEP, **SWEEP_OPTIONS)


def _part() -> str:
    return f"{min(queue.name for queue in app.amqp.queues.consume_from.values())}_worker"


@signals.worker_shutting_down.connect
def _retire(**_: Any) -> None:
    STOP.tell()
    _retired.set()


def _keep_announcing(part: str) -> None:
    node, sessions, blobs = f"{socket.gethostname()}:{os.getpid()}", runtime().sessions, runtime().blobs
    while True:
        try:
            with sessions.begin() as session:
                heartbeats.forget(session, part=part, node=node) if _retired.is_set() else heartbeats.beat(session, part=part, node=node)
        except DatabaseUnavailable as error:
            log.warning("heartbeat.missed", error=error.as_dict())
        blobs.tidy()
        if _retired.wait(HEARTBEAT_S):
            break
