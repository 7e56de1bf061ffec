"""The server itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Readiness(Record):
    """`status`: ok, degraded or unavailable; of its `parts`: ok, away or paused, some with a reason."""

    status: str
    parts: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
