"""The queue: its names, its settings, and the doorbell.

The row in Postgres is the work; a message only says that there is some. So it is acknowledged early, may get lost, and may come twice.
"""

import os
import queue
import threading
from typing import Any, Protocol
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import KombuError

from core.settings import Settings

log = structlog.get_logger(__name__)

FETCH = "fetch_video"
PLAN = "plan_job"
SAMPLE = "sample_segment"
LOCALIZE = "localize_window"
SETTLE = "settle_job"
DELIVER = "deliver_webhook"
SWEEP = "sweep"

ROUTES = {
    FETCH: "transfer",
    PLAN: "decode",
    SAMPLE: "decode",
    LOCALIZE: "model",
    SETTLE: "sweep",
    DELIVER: "webhook",
    SWEEP: "sweep",
}
"""Task -> queue. What is short and urgent has a queue and a worker of its own, so that neither decoding nor a model nor a long
download keeps it waiting."""


def broker_config(settings: Settings) -> dict[str, Any]:
    """Celery's settings, for whoever sends and whoever consumes; each was measured against a killed and a frozen broker."""
    return {
        "broker_url": settings.redis_url.get_secret_value(),
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": False,
        "task_routes": {task: {"queue": name} for task, name in ROUTES.items()},
        # A message is taken when a pool process is free for it, and for nothing else. With a prefetch count beside that, a message whose
        # acknowledgement was lost would count as unfinished for ever, and a worker that lost as many as it has processes would go deaf.
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 0,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_soft_shutdown_timeout": 20,
        "worker_max_tasks_per_child": 200,
        "task_annotations": {task: {"time_limit": _longest_s(settings)} for task in (PLAN, SAMPLE)},
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_pool_acquire_timeout": 5,
        "broker_transport_options": {
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "visibility_timeout": 600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
        },
        "timezone": "UTC",
    }


def _longest_s(settings: Settings) -> float:
    """When a pool process that decodes is killed, whatever it says: past every limit of the decoder's own."""
    return (settings.decoder_cpu + settings.decoder_stall).total_seconds() * 2


Bell = tuple[str, UUID]
"""A task, and the id of the row that it is to be rung for."""


class Ring(Protocol):
    """Wake a worker for a row that is committed. Never raises and never waits; what gets lost is rung again by the sweeper."""

    def __call__(self, task: str, row_id: object) -> None: ...


class Doorbell:
    """Sends messages from a thread of its own, so that a broker that is away or frozen delays nobody.

    A message that can't be sent is dropped, together with those waiting behind it: the sweeper rings again for all of them.
    """

    def __init__(self, settings: Settings, *, waiting: int = 10_000) -> None:
        self._settings = settings
        self._waiting = waiting
        self._pid: int | None = None
        self._start = threading.Lock()

    def __call__(self, task: str, row_id: object) -> None:
        self._ready()
        try:
            self._queue.put_nowait((task, str(row_id)))
        except queue.Full:
            log.warning("doorbell.full", task=task)

    def close(self, timeout_s: float = 2.0) -> None:
        """Send what is waiting, for so long at the most."""
        if self._pid == os.getpid():
            self._queue.put((None, ""))
            self._thread.join(timeout_s)

    def _ready(self) -> None:
        """A thread does not survive a fork, so each process starts its own."""
        with self._start:
            if self._pid != os.getpid():
                self._queue: queue.Queue[tuple[str | None, str]] = queue.Queue(self._waiting)
                self._app = Celery("doorbell", set_as_current=False)
                self._app.conf.update(broker_config(self._settings))
                self._thread = threading.Thread(target=self._send_all, name="doorbell", daemon=True)
                self._thread.start()
                self._pid = os.getpid()

    def _send_all(self) -> None:
        while True:
            task, row_id = self._queue.get()
            if task is None:
                return
            try:
                self._app.send_task(task, args=[row_id], queue=ROUTES[task], retry=False)
            except (KombuError, OSError) as error:
                log.warning("doorbell.lost", task=task, error=repr(error), waiting=self._queue.qsize())
                self._drop_waiting()

    def _drop_waiting(self) -> None:
        try:
            while True:
                task, _ = self._queue.get_nowait()
                if task is None:
                    self._queue.put((None, ""))
                    return
        except queue.Empty:
            return
