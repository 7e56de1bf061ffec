"""The bytes of one request, in pieces: each is stored, and then counted, before the next one is taken in; so no more than one is in memory,
and a process that dies loses no more than one.
"""

from collections.abc import AsyncIterator
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
from db import uploads
from db.models import Fetch, Upload
from db.uploads import Piece
from services.api.context import Parts
from services.api.tus import finishing
from services.api.tus.headers import Checksum

log = structlog.get_logger(__name__)


class Receiver:
    """Brings an upload on. Where there is a checksum, nothing counts before all of the request was compared with it."""

    def __init__(self, parts: Parts, upload: Upload, *, checksum: Checksum | None, length: int | None) -> None:
        """`length` is what a request says whose upload had none yet."""
        self.upload = upload
        self._parts, self._checksum = parts, checksum
        self._length = upload.length if length is None else length
        self._buffer = bytearray()
        self._at = upload.offset
        self._uncounted: list[Piece] = []
        self._untold: bytes | None = None if upload.media_type or upload.role == "partial" else b""
        self._told: dict[str, Any] = {} if length is None else {"length": length}

    async def take(self, body: AsyncIterator[bytes], *, declared: int | None) -> Upload:
        """Take in all of a body; the upload as it is then.

        Raises `Unprocessable` and `TooLarge` for more than there is room for, `NotAVideo`, `ChecksumMismatch`, `OffsetMismatch` where
        somebody else brought the upload on meanwhile, `ClientDisconnect`; in each case what was counted stays.
        """
        self._ensure_room(declared or 0)
        if self._untold is not None and self.upload.offset > 0:
            self._untold = await run_in_threadpool(finishing.head, self._parts, self.upload)
        try:
            await self._receive(body)
        except BaseException:
            await run_in_threadpool(self._drop, self._uncounted)
            raise
        return self.upload

    async def _receive(self, body: AsyncIterator[bytes]) -> None:
        size = self._parts.settings.upload_part_bytes
        try:
            async for chunk in body:
                self._buffer += chunk
                if self._checksum:
                    self._checksum.update(chunk)
                self._ensure_room(len(self._buffer))
                self._look()
                while len(self._buffer) >= size:
                    await self._store(size)
        except ClientDisconnect:
            if not self._checksum:
                await self._store(len(self._buffer))
            raise
        await self._store(len(self._buffer))
        if self._checksum:
            if not self._checksum.matches:
                raise ChecksumMismatch("The bytes that came do not add up to the checksum; none of them count. Send them again.")
            await run_in_threadpool(self._count)

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
        head = self._untold + self._buffer[: HEADER_BYTES - len(self._untold)]
        if len(head) == HEADER_BYTES or self._at + len(self._buffer) == self._length:
            self._told["media_type"] = media_type(bytes(head))
            self._untold = None

    async def _store(self, size: int) -> None:
        """The first `size` bytes of the buffer; there may be none, where only the length is news."""
        self._look()
        data = bytes(self._buffer[:size])
        if data:
            await run_in_threadpool(self._put, data)
            del self._buffer[:size]
        if not self._checksum and (data or self._told):
            await run_in_threadpool(self._count)

    def _put(self, data: bytes) -> None:
        piece = Piece(len(data), part_key(self.upload.id, self._at))
        self._parts.blobs.put(piece.blob_key, data)
        if self._untold is not None:
            self._untold += data[: HEADER_BYTES - len(self._untold)]
        self._uncounted.append(piece)
        self._at += len(data)

    def _count(self) -> None:
        """From here on nobody knows for sure that a piece does not count: where it does not, it stays until its upload goes."""
        added, self._uncounted = self._uncounted, []
        self.upload, fetch = self._parts.sessions.run(partial(self._count_in, added=added))
        self._told = {}
        if fetch:
            self._parts.ring(FETCH, fetch.id)

    def _count_in(self, session: Session, *, added: list[Piece]) -> tuple[Upload, Fetch | None]:
        kept = self._parts.settings.uploads_kept
        upload = uploads.count(session, self.upload.id, at=self.upload.offset, added=added, kept=kept, **self._told)
        if upload is None:
            raise OffsetMismatch("The upload was brought on by another request, or ended. Ask for its offset (HEAD), and go on from there.")
        whole = upload.state == "open" and upload.offset == upload.length
        return upload, finishing.finish(session, self._parts.settings, upload) if whole else None

    def _drop(self, pieces: list[Piece]) -> None:
        """What does not count for sure, as nobody tried; where that fails it goes with its upload."""
        try:
            for piece in pieces:
                self._parts.blobs.delete(piece.blob_key)
        except Unavailable as error:
            log.warning("upload.left_behind", upload_id=str(self.upload.id), error=error.as_dict())
