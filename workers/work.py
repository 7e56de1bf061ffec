"""One way to carry out a piece of work: claim it, keep the lease alive, and turn every way of failing into a row.

LeaseLost            somebody else has it, or it was canceled: drop it
Stopping             this worker was told to stop: handed back at once
Canceled             the work is `canceled`, and makes no further call
Rejected, BadReply   the work is `failed`, with the reason; nobody tries again
DecoderFailed, bugs, handed back; the attempt counts, and after `max_attempts` the work is `failed`
RemoteTooSlow
ModelBusy            handed back: its turn has not come
other Unavailable    handed back; the attempt does not count: the job's deadline bounds these
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func
from sqlalchemy.orm import Session

from core.errors import (
    BadReply,
    BlobsUnavailable,
    Bug,
    DatabaseUnavailable,
    DecoderFailed,
    ModelBusy,
    NotFound,
    PlayheadError,
    Rejected,
    RemoteTooSlow,
    Unavailable,
)
from core.queue import Bell
from db import jobs, leases
from db.leases import Kind, LeaseLost
from db.models import Job, Video, Window, Work
from workers import settling
from workers.runtime import Runtime
from workers.stopping import Stopping

log = structlog.get_logger(__name__)


LONGEST_WAIT = timedelta(hours=1)
CANCEL_HEARD_S = 1.5
"""A canceled or deleted job's decoding stops within this; the renewal is one small UPDATE."""


class Canceled(Exception):
    """The job is being canceled: what is under way may end, nothing new may begin."""


class Heartbeat:
    """Call it often; now and then it renews the lease, and so hears of a cancel. Raises `LeaseLost` and `Stopping`."""

    def __init__(self, runtime: Runtime, work: Work) -> None:
        self._sessions = runtime.sessions
        self._work = work
        self._lease_s = runtime.settings.lease.total_seconds()
        self._every_s = min(self._lease_s / 3, CANCEL_HEARD_S)
        self._stop = runtime.stop
        # A model call is paid for, so it is given a chance to end.
        self._patience_s = runtime.settings.stop_patience.total_seconds() if isinstance(work, Window) else 0.0
        self._ask_at = time.monotonic() + self._every_s
        self._canceling = False

    def __call__(self) -> None:
        if self._stop.told_since(self._patience_s):
            raise Stopping
        if time.monotonic() >= self._ask_at:
            self.renew()

    def renew(self) -> None:
        """Renew the lease now, whenever that was done last: before what may take a while without a beat."""
        try:
            with self._sessions.begin() as session:
                self._canceling = leases.renew(session, self._work, lease=timedelta(seconds=self._lease_s)) == "canceling"
        except DatabaseUnavailable as error:
            # Nobody else can claim while it is away either; whether the lease is lost, the fence tells.
            log.warning("heartbeat.missed", error=error.as_dict())
        self._ask_at = time.monotonic() + self._every_s

    def permit(self) -> None:
        """Ask before each thing that costs money, and while waiting to do it. Raises `Canceled`, and `Stopping` at once."""
        if self._stop.told:
            raise Stopping
        self.renew()
        if self._canceling:
            raise Canceled


def carry_out(runtime: Runtime, kind: type[Kind], work_id: UUID, do: Callable[[Kind, Heartbeat], None]) -> None:
    """Claim the work and do it; quiet when it is not to be had. `do` ends it itself, by `settling.close`."""
    if runtime.stop.told:
        return
    settings = runtime.settings
    work = runtime.sessions.run(
        lambda session: leases.claim(session, kind, work_id, lease=settings.lease, max_attempts=settings.max_attempts)
    )
    if work is None:
        return
    with structlog.contextvars.bound_contextvars(
        job_id=str(work.job_id), work=kind.__name__.lower(), work_id=str(work.id), attempt=work.attempts
    ):
        try:
            do(work, Heartbeat(runtime, work))
        except Exception as error:  # noqa: BLE001 -- the last row of the table is for whatever nobody foresaw, with its traceback
            _end(runtime, work, error)


def begin(session: Session, work: Work) -> tuple[Job, Video]:
    """The first of a job's work begins, and the job with it. Raises `LeaseLost` where that is not to be any more."""
    job = jobs.lock(session, work.job_id)
    if job is None or job.status not in ("queued", "processing"):
        raise LeaseLost
    job.status = "processing"
    job.started_at = job.started_at or func.clock_timestamp()
    return job, session.get_one(Video, job.video_id)


def _end(runtime: Runtime, work: Work, error: Exception) -> None:
    told = error.as_dict() if isinstance(error, PlayheadError) else None
    name, then = next((name, then) for kind, name, then in ENDS if isinstance(error, kind))
    log.log(logging.INFO if told is None else logging.WARNING, name, error=told)
    then(runtime, work, error)


def _drop(runtime: Runtime, work: Work, _: Exception) -> None:
    """It is somebody else's."""


def _return(runtime: Runtime, work: Work, _: Stopping) -> None:
    _hand_back(runtime, work, after=timedelta(0), blameless=True)


def _cancel(runtime: Runtime, work: Work, _: Canceled) -> None:
    _unless_lost(runtime, lambda session: settling.close(session, work, state="canceled"))


def _fail(runtime: Runtime, work: Work, error: PlayheadError) -> None:
    _unless_lost(runtime, lambda session: settling.close(session, work, state="failed", error=error.as_dict()))


def _miss(runtime: Runtime, work: Work, error: NotFound) -> None:
    """A row names a blob that is not there: another bucket, or an empty mount, which somebody may put right."""
    _postpone(runtime, work, BlobsUnavailable(error.detail))


def _bug(runtime: Runtime, work: Work, error: Exception) -> None:
    log.error("work.traceback", exc_info=error)
    _blame(runtime, work, Bug("The server met an error that nobody foresaw; see the worker's log."))


def _blame(runtime: Runtime, work: Work, error: PlayheadError) -> None:
    """The attempt counts: back at once, or buried if it was the last."""
    if work.attempts >= runtime.settings.max_attempts:
        _fail(runtime, work, error)
        return
    _hand_back(runtime, work, after=timedelta(seconds=1), error=error, blameless=False)


def _postpone(runtime: Runtime, work: Work, error: Unavailable) -> None:
    """The job's owner hears of it: a job that waits in silence looks like one that is lost."""
    after = timedelta(seconds=error.retry_after_s) if error.retry_after_s else runtime.settings.outage_backoff
    warning = {"code": error.code, "detail": f"{error.detail.rstrip('.')}. The job waits for that, and goes on by itself."}
    _hand_back(runtime, work, after=min(after, LONGEST_WAIT), error=error, blameless=True, warning=warning)


def _queue(runtime: Runtime, work: Work, error: ModelBusy) -> None:
    """Nothing is wrong, so nobody is told."""
    _hand_back(runtime, work, after=timedelta(seconds=error.retry_after_s or 1), blameless=True)


def _hand_back(
    runtime: Runtime,
    work: Work,
    *,
    after: timedelta,
    blameless: bool,
    error: PlayheadError | None = None,
    warning: dict[str, str] | None = None,
) -> None:
    """Let others try, unless nobody is to: then the work is canceled. The job is locked first, as everywhere."""

    def write(session: Session) -> list[Bell]:
        job = jobs.lock(session, work.job_id)
        if job is None:
            raise LeaseLost
        if job.status == "canceling":
            return settling.close(session, work, state="canceled")
        leases.hand_back(session, work, after=after, error=error, blameless=blameless)
        if warning:
            jobs.warn(session, work.job_id, **warning)
        return []

    _unless_lost(runtime, write)


def _unless_lost(runtime: Runtime, write: Callable[[Session], list[Bell]]) -> None:
    try:
        runtime.ring_for(runtime.sessions.run(write))
    except LeaseLost:
        log.info("work.lease_lost")


ENDS: tuple[tuple[type[Exception], str, Callable[[Runtime, Work, Any], None]], ...] = (
    (LeaseLost, "work.lease_lost", _drop),
    (Stopping, "work.handed_back", _return),
    (Canceled, "work.canceled", _cancel),
    (NotFound, "work.postponed", _miss),
    (Rejected, "work.failed", _fail),
    (BadReply, "work.failed", _fail),
    (DecoderFailed, "work.decoder_failed", _blame),
    (RemoteTooSlow, "work.too_slow", _blame),
    (ModelBusy, "work.handed_back", _queue),
    (Unavailable, "work.postponed", _postpone),
    (Exception, "work.bug", _bug),
)
"""How work ends that did not end itself: the first row that fits."""
