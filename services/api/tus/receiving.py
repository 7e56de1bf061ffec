"""The bytes of one request, in pieces: each is stored, and then counted, before the next one is taken in; so no more than one is in memory,
and a process that dies loses no more than one.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from core.blobs import part_key
from core.containers import HEADER_BYTES, media_type
from core.errors import ChecksumMismatch, OffsetMismatch, TooLarge, Unavailable, Unprocessable
from core.queue import FETCH
from db import quotas, uploads
from db.models import Fetch, Upload
from db.uploads import Piece
from services.api.context import Parts
from services.api.door import Caller
from services.api.tus import finishing
from services.api.tus.buffer import Buffer
from services.api.tus.headers import Checksum

log = structlog.get_logger(__name__)

Keep = Callable[[Session, Upload], None]
"""What else is written in the transaction that counts the last of a request."""


class Hashed:
    """A body, and the SHA-256 of what of it has passed."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self._hash = chunks, hashlib.sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._hash.update(chunk)
            yield chunk

    async def rest(self) -> bytes:
        """The digest of all of it, which goes nowhere."""
        async for _ in self:
            pass
        return self.digest

    @property
    def digest(self) -> bytes:
        return self._hash.digest()


class Receiver:
    """Brings an upload on. Where there is a checksum, nothing counts before all of the request was compared with it."""

    def __init__(self, parts: Parts, upload: Upload, *, by: Caller, checksum: Checksum | None, length: int | None) -> None:
        """`length` is what a request says whose upload had none yet."""
        self.upload = upload
        self._parts, self._by, self._checksum = parts, by, checksum
        self._length = upload.length if length is None else length
        self._buffer = Buffer()
        self._at = upload.offset
        self._uncounted: list[Piece] = []
        self._untold: bytes | None = None if upload.media_type or upload.role == "partial" else b""
        self._told: dict[str, Any] = {} if length is None else {"length": length}

    async def take(self, body: AsyncIterable[bytes], *, declared: int, keep: Keep | None) -> Upload:
        """Take in all of a body, which is said to be so long (0: nothing is said); the upload as it is then.

        Raises `Unprocessable`, `TooLarge` and `WorkspaceFull` for more than there is room for, `NotAVideo`, `ChecksumMismatch`,
        `OffsetMismatch` where somebody else brought the upload on meanwhile, `ClientDisconnect`; in each case what was counted stays.
        """
        self._ensure_room(declared)
        if self._untold is not None and self.upload.offset > 0:
            self._untold = await run_in_threadpool(finishing.head, self._parts, self.upload)
        try:
            await self._receive(body, keep)
        except BaseException:
            await run_in_threadpool(self._drop, self._uncounted)
            raise
        return self.upload

    async def _receive(self, body: AsyncIterable[bytes], keep: Keep | None) -> None:
        size = self._parts.settings.upload_part_bytes
        try:
            async for chunk in body:
                self._buffer.add(chunk)
                if self._checksum:
                    self._checksum.update(chunk)
                self._ensure_room(self._buffer.size)
                self._look()
                while self._buffer.size > size:
                    await self._store(size)
                    if not self._checksum:
                        await run_in_threadpool(self._count)
        except ClientDisconnect:
            if not self._checksum:
                await self._store(self._buffer.size)
                await run_in_threadpool(self._count)
            raise
        await self._store(self._buffer.size)
        if self._checksum and not self._checksum.matches:
            raise ChecksumMismatch("The bytes that came do not add up to the checksum; none of them count. Send them again.")
        await run_in_threadpool(self._count, keep)

    def _ensure_room(self, size: int) -> None:
        limit = self._parts.settings.max_upload_bytes
        end = self._at + size
        if self._length is not None and end > self._length:
            raise Unprocessable(f"The upload has {self._length} bytes, and these go beyond them.", field="upload-length")
        if end > limit:
            raise TooLarge.than(limit)

    def _look(self) -> None:
        """Is this a video? As soon as it can be told."""
        if self._untold is None:
            return
        head = self._untold + self._buffer.head(HEADER_BYTES - len(self._untold))
        if len(head) == HEADER_BYTES or self._at + self._buffer.size == self._length:
            self._told["media_type"] = media_type(head)
            self._untold = None

    async def _store(self, size: int) -> None:
        """The first bytes of the buffer, of which there may be none."""
        self._look()
        if size := min(size, self._buffer.size):
            await run_in_threadpool(self._put, self._buffer.take(size), size)

    def _put(self, chunks: list[bytes], size: int) -> None:
        piece = Piece(size, part_key(self.upload.id, self._at))
        with self._parts.sessions.begin() as session:
            self._ensure_left(session, more=(self._length or self._at + size) - self.upload.offset)
        self._parts.blobs.put(piece.blob_key, chunks)
        if self._untold is not None:
            self._untold += b"".join(chunks)[: HEADER_BYTES - len(self._untold)]
        self._uncounted.append(piece)
        self._at += size

    def _count(self, keep: Keep | None = None) -> None:
        """From here on nobody knows for sure that a piece does not count: where it does not, it stays until its upload goes."""
        added, self._uncounted = self._uncounted, []
        if not (added or self._told or keep):
            return
        self.upload, fetch = self._parts.sessions.run(partial(self._count_in, added=added, keep=keep))
        self._told = {}
        if fetch:
            self._parts.ring(FETCH, fetch.id)

    def _count_in(self, session: Session, *, added: list[Piece], keep: Keep | None) -> tuple[Upload, Fetch | None]:
        kept = self._parts.settings.uploads_kept
        upload = uploads.count(session, self.upload.id, at=self.upload.offset, added=added, kept=kept, **self._told)
        if upload is None:
            raise OffsetMismatch("The upload was brought on by another request, or ended. Ask for its offset (HEAD), and go on from there.")
        whole = upload.state == "open" and upload.offset == upload.length
        fetch = finishing.finish(session, self._parts.settings, upload, by=self._by) if whole else None
        self._ensure_left(session)
        if keep:
            keep(session, upload)
        return upload, fetch

    def _ensure_left(self, session: Session, *, more: int = 0) -> None:
        """Whether the workspace has room for what nobody had told when the upload began. Raises `WorkspaceFull`."""
        if self.upload.length is None:
            quotas.ensure_room(session, self.upload.workspace_id, self._parts.settings, more=more)

    def _drop(self, pieces: list[Piece]) -> None:
        """What does not count for sure, as nobody tried; where that fails it goes with its upload."""
        try:
            for piece in pieces:
                self._parts.blobs.delete(piece.blob_key)
        except Unavailable as error:
            log.warning("upload.left_behind", upload_id=str(self.upload.id), error=error.as_dict())
