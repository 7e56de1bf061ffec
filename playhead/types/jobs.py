"""Jobs: how they are doing, and what they left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playhead.types.costs import Estimate, Usage
from playhead.types.record import Problem, Record

ENDED = frozenset({"succeeded", "partial", "failed", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Progress(Record):
    """`bytes_done` and `bytes_total` are of the video, where its bytes had to be brought in first; the total may be unknown."""

    percent: float = 0
    bytes_done: int | None = None
    bytes_total: int | None = None
    windows_total: int | None = None
    windows_done: int = 0
    windows_failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Gap(Record):
    """A stretch that was not analysed; `reason` is a stable code."""

    start_ms: int
    end_ms: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Coverage(Record):
    """How much of the video was analysed (0 to 1; None until the job ends), and what was not."""

    ratio: float | None = None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """One question asked of one video. `status`: queued, processing, succeeded, partial, failed, canceling or canceled."""

    id: str
    video_id: str
    status: str
    stage: str | None = None
    progress: Progress = field(default_factory=Progress)
    estimate: Estimate | None = None
    coverage: Coverage = field(default_factory=Coverage)
    usage: Usage = field(default_factory=Usage)
    error: Problem | None = None
    warnings: tuple[Problem, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, also by a status that this version does not know."""
        return self.status in ENDED or self.completed_at is not None
