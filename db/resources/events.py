"""An event as it is shown."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from db.models import EVENT_COLUMNS, EventRow

_NAMES = tuple(column.name for column in EVENT_COLUMNS)

VerificationStatus = Literal["confirmed", "rejected", "unverified"]


class VerificationOut(BaseModel):
    """Whether a second look agreed."""

    status: VerificationStatus
    reason: str | None


class Evidence(BaseModel):
    """The frame that shows the event."""

    pts_ms: int = Field(description="The frame's own time.")
    frame_url: str


class Source(BaseModel):
    """Where an event comes from."""

    analyzer: Literal["model", "signals"]
    model: str | None
    prompt_version: str | None
    window_ids: list[UUID]


class EventOut(BaseModel):
    """Something that happened in `[start_ms, end_ms)`, counted from the first presented frame."""

    id: UUID
    object: Literal["event"] = "event"
    video_id: UUID
    job_id: UUID
    type: str
    title: str
    description: str
    start_ms: int
    end_ms: int
    start_uncertainty_ms: int = Field(description="The true start lies within this of `start_ms`.")
    end_uncertainty_ms: int
    confidence: float | None = Field(description="0 to 1; null when nobody measured it.")
    confidence_source: str | None = Field(
        description="`model`: the model's own word, good for ranking alone. `votes`: the share of second looks that saw it."
    )
    verification: VerificationOut
    evidence: Evidence
    attributes: dict[str, Any]
    source: Source
    provisional: bool = Field(description="True while the job runs: later windows may still extend, join or move it.")
    recorded_start: datetime | None = Field(description="Wall-clock time, for videos with `recorded_at`.")
    recorded_end: datetime | None

    @classmethod
    def of(cls, event: EventRow) -> "EventOut":
        return cls.model_validate(shown(event))


def shown(event: EventRow) -> dict[str, Any]:
    """The members of an `EventOut`, in their order: for a page, which need not be looked through once more."""
    row = dict(zip(_NAMES, event, strict=False))  # by attribute it takes three times as long
    recorded = row["recorded"]
    return {
        "id": row["id"],
        "object": "event",
        "video_id": row["video_id"],
        "job_id": row["job_id"],
        "type": row["type"],
        "title": row["title"],
        "description": row["description"],
        "start_ms": row["start_ms"],
        "end_ms": row["end_ms"],
        "start_uncertainty_ms": row["start_uncertainty_ms"],
        "end_uncertainty_ms": row["end_uncertainty_ms"],
        "confidence": row["confidence"],
        "confidence_source": row["confidence_source"],
        "verification": row["verification"],
        "evidence": {"pts_ms": row["evidence_pts_ms"], "frame_url": f"/v1/events/{row['id']}/frame.jpg"},
        "attributes": row["attributes"],
        "source": row["source"],
        "provisional": row["provisional"],
        "recorded_start": recorded.lower if recorded else None,
        "recorded_end": recorded.upper if recorded else None,
    }
