"""Packet indexes beside their videos: one worker reads the whole video, those that decode parts of it need not."""

from dataclasses import dataclass

import structlog

from core.blobs import Blobs, index_key
from core.errors import NotFound, Unavailable
from db.models import Video

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """A video's index in the object storage, where it is deleted with the video. Nothing that happens to it is an error: without it a
    call takes longer.
    """

    blobs: Blobs
    key: str

    @classmethod
    def of(cls, video: Video, blobs: Blobs) -> "StoredIndex":
        return cls(blobs, index_key(video.id))

    def read(self) -> bytes:
        try:
            return self.blobs.get(self.key)
        except NotFound:
            return b""
        except Unavailable as error:
            log.warning("index.not_read", key=self.key, error=error.as_dict())
            return b""

    def write(self, saved: bytes) -> None:
        try:
            self.blobs.put(self.key, saved)
        except Unavailable as error:
            log.warning("index.not_kept", key=self.key, error=error.as_dict())
