"""What is there of a video that is being downloaded: parts that are stored and counted, and what came since the last of them."""

from time import monotonic
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from core.blobs import part_key
from core.containers import HEADER_BYTES, media_type
from core.errors import EmptyUpload, RemoteUnavailable, TooLarge
from db import fetches, jobs, leases, quotas, uploads
from db.leases import LeaseLost
from db.models import Fetch, Upload
from db.uploads import Piece
from workers.runtime import Runtime

PART_BYTES = 8 * 1024**2
STORE_EVERY_S = 5.0
"""A worker that is killed loses so many bytes at the most, or what came in so much time."""


class Shelf:
    """What counts, counts while the work's lease holds; all of it raises `LeaseLost` when it does not.

    `size` bytes are stored, of the version that `validator` names; `grew` says whether this attempt brought any.
    """

    def __init__(self, runtime: Runtime, work: Fetch) -> None:
        self._runtime, self._work = runtime, work
        self._limit, self._kept = runtime.settings.max_upload_bytes, runtime.settings.job_deadline
        self._buffer, self._store_at = bytearray(), monotonic() + STORE_EVERY_S
        self._total: int | None = None
        self.grew = False
        self._upload_id, self.size, self.whole, self.validator = runtime.sessions.run(self._find)
        self._is_video = self.size > 0

    def expect(self, *, total: int | None, validator: str | None) -> None:
        """So many bytes in all are offered, of that version. Raises `TooLarge` and `WorkspaceFull`."""
        self._check(total or 0)
        self._total, self.validator = total, validator
        self._runtime.sessions.run(self._promise)

    def add(self, chunk: bytes) -> None:
        """Raises `TooLarge` and `WorkspaceFull`, and `NotAVideo` as soon as the first bytes tell."""
        self._buffer += chunk
        self._check(self.size + len(self._buffer))
        if len(self._buffer) >= HEADER_BYTES:
            self._look()
        if len(self._buffer) >= PART_BYTES or monotonic() >= self._store_at:
            self.store()

    def store(self) -> None:
        """Have what came count, once it is known to be of a video."""
        if not self._buffer or not self._is_video:
            return
        piece = Piece(len(self._buffer), part_key(self._upload_id, self.size))
        self._runtime.blobs.put(piece.blob_key, bytes(self._buffer))
        self._runtime.sessions.run(lambda session: self._count(session, piece))
        self.size, self.grew = self.size + piece.size, True
        self._buffer.clear()
        self._store_at = monotonic() + STORE_EVERY_S

    def close(self) -> None:
        """That was all of it. Raises `EmptyUpload`, `NotAVideo`, and `RemoteUnavailable` if less came than was offered."""
        came = self.size + len(self._buffer)
        if came == 0:
            raise EmptyUpload("What the URL gives is empty.")
        self._look()
        self.store()
        if self._total not in (None, came):
            raise RemoteUnavailable(f"The other server broke off after {came} of {self._total} bytes.")
        self._runtime.sessions.run(self._finish)
        self.whole = True

    def clear(self) -> None:
        """Nothing of it counts any more."""
        for key in self._runtime.sessions.run(self._forget):
            self._runtime.blobs.delete(key)
        self._buffer.clear()
        self.size, self.validator, self._is_video = 0, None, False

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(
                f"The video is larger than the {self._limit} bytes that this server takes (PLAYHEAD_MAX_UPLOAD_BYTES).",
                limit_bytes=self._limit,
            )

    def _look(self) -> None:
        if not self._is_video:
            media_type(bytes(self._buffer[:HEADER_BYTES]))
            self._is_video = True

    def _find(self, session: Session) -> tuple[UUID, int, bool, str | None]:
        """What earlier attempts left. What was deleted meanwhile, since nobody retried the job for long, is begun anew."""
        job = jobs.lock(session, self._work.job_id)
        row = leases.hold(session, self._work)
        upload = session.get(Upload, row.upload_id) if row.upload_id else None
        if job is None:
            raise LeaseLost
        if upload is None:
            upload = uploads.create(session, row.workspace_id, kept=self._kept, role="fetched", video_id=job.video_id, job_id=job.id)
            row.upload_id = upload.id
            fetches.note(session, self._work, bytes_done=0, etag=None)
            session.refresh(row)
        upload.expires_at = func.clock_timestamp() + self._kept
        return upload.id, upload.offset, upload.state != "open", row.etag

    def _promise(self, session: Session) -> None:
        """What there is no room for is not begun. It is taken piece by piece, since a job that ends before would keep it for long."""
        self._ensure_room(session, (self._total or 0) - self.size)
        fetches.note(session, self._work, bytes_total=self._total, etag=self.validator)

    def _ensure_room(self, session: Session, more: int) -> None:
        quotas.ensure_room(session, self._work.workspace_id, self._runtime.settings, more=more)

    def _count(self, session: Session, piece: Piece) -> None:
        self._ensure_room(session, piece.size)
        fetches.note(session, self._work, bytes_done=self.size + piece.size)
        if uploads.count(session, self._upload_id, at=self.size, added=[piece], kept=self._kept) is None:
            raise LeaseLost

    def _finish(self, session: Session) -> None:
        fetches.note(session, self._work, bytes_total=self.size)
        if uploads.count(session, self._upload_id, at=self.size, added=(), kept=self._kept, state="whole", length=self.size) is None:
            raise LeaseLost

    def _forget(self, session: Session) -> list[str]:
        fetches.note(session, self._work, bytes_done=0, bytes_total=None, etag=None)
        return uploads.start_over(session, self._upload_id)
