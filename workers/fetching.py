"""`fetch_video`: bring a video's bytes in: have what a URL gives in pieces, join the pieces that they came in, have the video planned."""

import hashlib
import time
from collections.abc import Iterator
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from core.blobs import Blobs
from core.containers import HEADER_BYTES, media_type
from core.errors import DatabaseUnavailable, Gone
from core.queue import PLAN
from db import fetches, jobs, leases, uploads
from db.leases import LeaseLost
from db.models import Fetch, Upload, Video
from db.uploads import Piece
from workers import settling
from workers.downloading import download
from workers.runtime import Runtime
from workers.work import Heartbeat, begin, carry_out

log = structlog.get_logger(__name__)

TELL_EVERY_S = 1.0
"""How often a job's owner hears how many bytes are here."""


def fetch(runtime: Runtime, fetch_id: UUID) -> None:
    """Safe to run twice: pieces that are all there do not change, so whoever joins them writes the same bytes; pieces count once."""
    carry_out(runtime, Fetch, fetch_id, lambda work, beat: _fetch(runtime, work, beat))


def _fetch(runtime: Runtime, work: Fetch, beat: Heartbeat) -> None:
    _, video = runtime.sessions.run(lambda session: begin(session, work))
    if work.url is not None:
        download(runtime, work, work.url, beat)
    joint = Joint(runtime.blobs, runtime.sessions.run(lambda session: _pieces(session, work)))
    meter = Meter(runtime, work, beat) if work.url is None else None
    runtime.blobs.write(video.blob_key, _metered(joint.chunks(), meter, beat))
    runtime.ring(PLAN, runtime.sessions.run(lambda session: _keep(session, work, video, joint)))


def _pieces(session: Session, work: Fetch) -> list[Piece]:
    upload_id = leases.hold(session, work).upload_id
    upload = session.get(Upload, upload_id) if upload_id else None
    if upload is None or upload.state != "whole":
        raise Gone("What was uploaded of the video was deleted, since nothing was done with it for too long. Upload it again.")
    return uploads.pieces(session, upload.id)


class Joint:
    """Pieces as one stream of bytes, and what was seen of them as they passed: to be read once `chunks` has ended."""

    def __init__(self, blobs: Blobs, pieces: list[Piece]) -> None:
        self._blobs, self._pieces = blobs, pieces
        self._digest = hashlib.sha256()
        self._head = b""
        self.bytes = 0

    def chunks(self) -> Iterator[bytes]:
        for piece in self._pieces:
            for chunk in self._blobs.stream(piece.blob_key, start=0, end=piece.size):
                self._digest.update(chunk)
                self._head += chunk[: HEADER_BYTES - len(self._head)]
                self.bytes += len(chunk)
                yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def media_type(self) -> str:
        """Raises `NotAVideo`."""
        return media_type(self._head)


class Meter:
    """Tells the job's owner how many bytes are here, now and then. Raises `LeaseLost`, and what the heartbeat raises."""

    def __init__(self, runtime: Runtime, work: Fetch, beat: Heartbeat, *, done: int = 0) -> None:
        self._runtime, self._work, self._beat = runtime, work, beat
        self._done = done
        self._tell_at = time.monotonic() + TELL_EVERY_S

    def __call__(self, count: int) -> None:
        """So many more are here."""
        self._done += count
        self._beat()
        if time.monotonic() < self._tell_at:
            return
        try:
            with self._runtime.sessions.begin() as session:
                fetches.note(session, self._work, bytes_done=self._done)
        except DatabaseUnavailable as error:
            log.warning("fetch.not_told", error=error.as_dict())
        self._tell_at = time.monotonic() + TELL_EVERY_S


def _metered(chunks: Iterator[bytes], meter: Meter | None, beat: Heartbeat) -> Iterator[bytes]:
    for chunk in chunks:
        meter(len(chunk)) if meter else beat()
        yield chunk


def _keep(session: Session, work: Fetch, video: Video, joint: Joint) -> UUID:
    """The video is there: the plan that it waited for."""
    job = jobs.lock(session, work.job_id)
    if job is None:
        raise LeaseLost
    row = leases.hold(session, work)
    there = session.get_one(Video, video.id)
    there.sha256, there.bytes, there.media_type = joint.sha256, joint.bytes, joint.media_type
    row.bytes_done = row.bytes_total = joint.bytes
    row.url = None  # it may be a signed one, which opens more doors than this
    job.stage = "plan"
    plan = jobs.plan(session, job)
    if row.upload_id is not None:
        uploads.done(session, row.upload_id)
    settling.close(session, work, state="done")
    return plan.id
