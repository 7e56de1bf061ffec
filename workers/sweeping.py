"""`sweep`: what was committed and never delivered is rung for again; what nobody can finish is ended."""

import socket
import time
from functools import partial
from typing import Any
from uuid import UUID

import redis
import structlog
from sqlalchemy.orm import Session

from core.broker import connect
from core.errors import BlobsUnavailable, Bug, DecoderFailed, PlayheadError
from core.queue import DELIVER, FETCH, LOCALIZE, PLAN, ROUTES, SAMPLE, Bell
from db import deliveries, doomed, heartbeats, idempotency, jobs, leases, retries, uploads, videos
from db.leases import LeaseLost
from db.models import KINDS, Plan, Segment, Work
from workers import settling
from workers.delivering import tries
from workers.runtime import Runtime
from workers.showing import show

log = structlog.get_logger(__name__)

TASKS = dict(zip(KINDS, (FETCH, PLAN, SAMPLE, LOCALIZE), strict=True))

SWEEPER = "sweeper"
JUST_NOW = 4
"""This part of the time from sweep to sweep: so much rest there is also where sweeps take longer than that."""

DELETING_S = 5.0
"""A sweep has more urgent things to do than to delete what nobody can see."""


def sweep_if_due(runtime: Runtime) -> None:
    """Sweep, unless somebody has only just done so: messages pile up while no worker sweeps, and one round serves for all of them."""
    just_now = runtime.settings.sweep_every / JUST_NOW
    if not runtime.sessions.run(lambda session: heartbeats.is_fresh(session, part=SWEEPER, within=just_now)):
        sweep(runtime)


def sweep(runtime: Runtime) -> None:
    """One round; any number may run at once."""
    for kind in TASKS:
        _bury(runtime, kind)
    for kind, task in TASKS.items():
        _ring_again(runtime, kind, task)
    for job_id in runtime.sessions.run(jobs.settleable):
        try:
            settle(runtime, job_id)
        except Exception:
            log.exception("sweep.not_settled", job_id=str(job_id))
    for job_id in runtime.sessions.run(jobs.unshown):
        show(runtime, job_id)
    _ring_for_webhooks(runtime)
    runtime.prices.look_up(runtime.settings.model)
    runtime.sessions.run(uploads.expire)
    _forget_frames(runtime)
    _forget_replies(runtime)
    runtime.sessions.run(partial(deliveries.forget, kept=runtime.settings.webhook_deliveries_kept))
    _delete_blobs(runtime)
    runtime.sessions.run(idempotency.expire)
    runtime.sessions.run(lambda session: heartbeats.beat(session, part=SWEEPER, node=socket.gethostname()))


def settle(runtime: Runtime, job_id: UUID) -> None:
    """Settle a job whose work is over, or whose deadline has passed; nothing happens to any other."""

    def advance(session: Session) -> list[Bell]:
        job = jobs.lock(session, job_id)
        if job is None or job.completed_at is not None:
            return []
        if jobs.is_past_deadline(session, job):
            return settling.expire(session, job)
        return settling.advance(session, job)

    runtime.ring_for(runtime.sessions.run(advance))


def _bury(runtime: Runtime, kind: type[Work]) -> None:
    """End work whose worker died and that has no attempt left."""
    attempts = runtime.settings.max_attempts
    for work in runtime.sessions.run(lambda session: leases.exhausted(session, kind, max_attempts=attempts)):
        error = work.error or _died(kind, attempts).as_dict()

        try:
            runtime.ring_for(runtime.sessions.run(partial(_bury_one, work=work, error=error, attempts=attempts)))
        except LeaseLost:
            log.info("sweep.not_buried", work_id=str(work.id))
        except Exception:
            log.exception("sweep.not_buried", work_id=str(work.id))  # one that can't be ended must not keep the others waiting


def _died(kind: type[Work], attempts: int) -> PlayheadError:
    """Only plans and segments decode: whatever the workers of others died of, it was not the video."""
    said = f"The worker died or froze, {attempts} times out of {attempts}; see its log, and the machine's (is there enough memory?)."
    return DecoderFailed(said) if kind in (Plan, Segment) else Bug(said)


def _bury_one(session: Session, *, work: Work, error: dict[str, Any], attempts: int) -> list[Bell]:
    if jobs.lock(session, work.job_id) is not None and (seized := leases.seize(session, work, max_attempts=attempts)):
        return settling.close(session, seized, state="failed", error=error)
    return []


def _ring_again(runtime: Runtime, kind: type[Work], task: str) -> None:
    """Ring for what is due, as far as there is room."""
    if (room := _room(runtime, task)) > 0:
        for work_id in runtime.sessions.run(lambda session: leases.due(session, kind, limit=room)):
            runtime.ring(task, work_id)


def _ring_for_webhooks(runtime: Runtime) -> None:
    """One ring for each endpoint that something waits for: it makes the next ones itself."""
    most = tries(runtime.settings.webhook_backoff)
    runtime.sessions.run(partial(deliveries.bury, max_attempts=most))
    if (room := _room(runtime, DELIVER)) > 0:
        for endpoint_id in runtime.sessions.run(partial(deliveries.waiting, max_attempts=most, limit=room)):
            runtime.ring(DELIVER, endpoint_id)


def _room(runtime: Runtime, task: str) -> int:
    """How many messages may be sent again: a queue is kept short, since a message that is still in it will come by itself."""
    return runtime.settings.sweep_batch - _queued(runtime, ROUTES[task])


def _queued(runtime: Runtime, name: str) -> int:
    """Messages waiting in a queue; with the broker away there is no room for any."""
    try:
        with connect(runtime.settings, timeout_s=2) as broker:
            return int(broker.llen(name))
    except redis.RedisError:
        return runtime.settings.sweep_batch


def _forget_frames(runtime: Runtime) -> None:
    if (kept := runtime.settings.frames_kept) is not None:
        for video_id in runtime.sessions.run(partial(videos.with_idle_frames, kept=kept)):
            runtime.sessions.run(partial(videos.forget_frames, video_id=video_id, again_after=doomed.WRITTEN_WITHIN))


def _forget_replies(runtime: Runtime) -> None:
    if (kept := runtime.settings.replies_kept) is not None:
        for job_id in runtime.sessions.run(partial(jobs.with_old_replies, kept=kept)):
            runtime.sessions.run(partial(retries.forget_replies, job_id=job_id))


def _delete_blobs(runtime: Runtime) -> None:
    """As many as there is time for; the rest stays written down."""
    until = time.monotonic() + DELETING_S
    for prefix in runtime.sessions.run(doomed.due):
        if time.monotonic() > until:
            return
        if not runtime.sessions.run(partial(doomed.take, prefix=prefix)):
            continue  # an upload became a video just now
        try:
            runtime.blobs.delete_prefix(prefix)
        except BlobsUnavailable as error:
            log.warning("sweep.blobs_stay", prefix=prefix, error=error.as_dict())
            continue
        runtime.sessions.run(partial(doomed.deleted, prefix=prefix))
