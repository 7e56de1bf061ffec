"""Videos, and what an upload answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from playhead.types.jobs import Job
from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Video(Record):
    """Sizes are those shown, after rotation. What the worker has not found out yet is None."""

    id: str
    title: str | None = None
    custom_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None
    created_at: datetime | None = None
    filename: str | None = None
    source_url: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    media_type: str | None = None
    container: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    duration_ms: int | None = None
    start_ms: int | None = None
    frame_rate: float | None = None
    variable_frame_rate: bool | None = None


class Upload(NamedTuple):
    """What an upload answers: the video as stored, and the job that looks at it."""

    video: Video
    job: Job
