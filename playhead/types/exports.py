"""A video at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Bucket(Record):
    """`[start_ms, end_ms)`: how many events overlap it, also by type, and how much of it no job has analysed."""

    start_ms: int
    end_ms: int
    events: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    not_analysed_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Timeline(Record):
    """A video's events, counted along its time."""

    video_id: str
    duration_ms: int
    buckets: tuple[Bucket, ...] = ()
