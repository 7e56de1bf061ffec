"""Uploads that arrive in pieces."""

from dataclasses import dataclass
from datetime import datetime

from playhead.types.jobs import Job
from playhead.types.record import Record
from playhead.types.videos import Video


@dataclass(frozen=True, kw_only=True)
class Pending(Record):
    """A resumable upload. `state`: open, whole (being put together) or done; `offset` of `length` bytes are there. It has a video and a job
    once the last byte is there, and is given up at `expires_at` if nothing comes until then.
    """

    id: str
    state: str
    offset: int = 0
    length: int | None = None
    media_type: str | None = None
    partial: bool = False
    video: Video | None = None
    job: Job | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
