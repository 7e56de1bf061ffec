"""What one window says of one occurrence: the shape between a model (or the signals) and the events."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from core.spans import Span


@dataclass(frozen=True, slots=True)
class Detection:
    """One occurrence as seen in one window. Times are media times of frames that were shown, in milliseconds.

    `first_pts_ms` and `last_pts_ms` are the first and the last sampled frame that show it; for an `instant` (a cut) the change lies
    between the sampled frame before `first_pts_ms` and `first_pts_ms`. `open_start`: it was going on already in the window's first frame;
    `open_end`: still going on in its last. The slacks tell how far the stated times lay from any frame that was shown.
    """

    type: str
    description: str
    first_pts_ms: int
    last_pts_ms: int
    open_start: bool = False
    open_end: bool = False
    instant: bool = False
    confidence: float | None = None
    confidence_source: str | None = None
    start_slack_ms: int = 0
    end_slack_ms: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A finished window: its place, the times of the frames that were shown, and what was seen in them."""

    window_id: UUID
    seq: int
    span: Span
    frame_pts_ms: tuple[int, ...]
    detections: tuple[Detection, ...]


CONFIRMED, REJECTED, UNVERIFIED = "confirmed", "rejected", "unverified"


class Verification(NamedTuple):
    """Whether a second look agreed: `status` is one of the three, `reason` the model's own words, or ours."""

    status: str = UNVERIFIED
    reason: str | None = None


NOT_LOOKED_AT = Verification()


@dataclass(frozen=True, slots=True)
class MergedEvent:
    """One occurrence, over all the windows that saw it. `key` names the earliest detection in it and so stays the same when later
    windows extend the event: `{window_id}:{index}`. `window_ids` are all that saw it, second looks too; `told_by` are those whose
    detections it is made of.
    """

    key: str
    type: str
    title: str
    description: str
    start_ms: int
    end_ms: int
    start_uncertainty_ms: int
    end_uncertainty_ms: int
    confidence: float | None
    confidence_source: str | None
    evidence_pts_ms: int
    evidence_window_id: UUID
    attributes: dict[str, Any]
    window_ids: tuple[UUID, ...]
    told_by: tuple[UUID, ...]
    verification: Verification = NOT_LOOKED_AT
