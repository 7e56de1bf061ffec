"""Events, and how they differ between two jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Verification(Record):
    """Whether a second look agreed: `confirmed`, `rejected` or `unverified`."""

    status: str = "unverified"
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence(Record):
    """The frame that shows the event: its presentation time, and where it is served."""

    pts_ms: int | None = None
    frame_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source(Record):
    analyzer: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    window_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Event(Record):
    """Something that happened in `[start_ms, end_ms)`, each boundary give or take its uncertainty.

    `confidence` is None when nobody measured it. `provisional`: the job goes on and may still change or withdraw it.
    `recorded_start` and `recorded_end` are wall-clock times, for videos with a `recorded_at`.
    """

    id: str
    video_id: str
    type: str
    start_ms: int
    end_ms: int
    job_id: str | None = None
    title: str | None = None
    description: str | None = None
    start_uncertainty_ms: int | None = None
    end_uncertainty_ms: int | None = None
    confidence: float | None = None
    confidence_source: str | None = None
    verification: Verification = field(default_factory=Verification)
    evidence: Evidence | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    provisional: bool = False
    recorded_start: datetime | None = None
    recorded_end: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Moved(Record):
    """An event that two jobs found, with a boundary that moved by more than what is uncertain of it, in milliseconds."""

    event: Event
    before: Event
    start_moved_ms: int = 0
    end_moved_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Incomparable(Record):
    """An event of one job (`of`: `job` or `against`) that the other one could not have found. `reason`: `not_asked`, or `not_analysed`."""

    event: Event
    of: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diff(Record):
    """What one job found against another of the same video. `incomparable` is what one found and the other could not have: that is neither
    in `appeared` nor in `vanished`.
    """

    job_id: str
    against: str
    status: str | None = None
    against_status: str | None = None
    appeared: tuple[Event, ...] = ()
    vanished: tuple[Event, ...] = ()
    moved: tuple[Moved, ...] = ()
    unchanged: int = 0
    incomparable: tuple[Incomparable, ...] = ()
