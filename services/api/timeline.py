"""`/v1/videos/{id}/timeline`: a video at a glance, for a bar below a player."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from core.spans import Span, divide, union
from db import timeline, videos
from services.api.context import Reader, WithParts
from services.api.events import Chosen
from services.api.known import KnownRoute

router = APIRouter(prefix="/v1/videos/{video_id}", tags=["events"], route_class=KnownRoute)


class Divided(Chosen):
    """Which events, and into how many buckets."""

    buckets: int = Field(
        100, ge=1, le=1000, description="Into how many buckets of equal length the video is divided, or the range asked for.", examples=[60]
    )


class BucketOut(BaseModel):
    """`[start_ms, end_ms)` of the video."""

    start_ms: int
    end_ms: int
    events: int = Field(description="How many events overlap it.", examples=[3])
    counts: dict[str, int] = Field(
        description="The same by type; beyond the 100 most frequent types an event counts in `events` alone.", examples=[{"crossing": 3}]
    )
    not_analysed_ms: int = Field(description="How much of it no job has analysed: there, no event means nothing.", examples=[0])


class TimelineOut(BaseModel):
    """A video's events, counted along its time. An event counts in each bucket that it overlaps."""

    object: Literal["timeline"] = "timeline"
    video_id: UUID
    duration_ms: int
    buckets: list[BucketOut]


@router.get("/timeline")
def get_timeline(parts: WithParts, caller: Reader, video_id: UUID, asked: Annotated[Divided, Query()]) -> TimelineOut:
    """How many events of each type there are in each stretch of the video, and how much of it was analysed; `from_ms` and `to_ms` look
    closer.

    With `job_id` only what that job has analysed counts as analysed. It was asked for some types, maybe: whoever did not ask for cars
    analysed a street, and found none.
    """
    with parts.sessions.begin() as session:
        duration_ms = videos.probed(session, caller.workspace_id, video_id).duration_ms or 0
        end_ms = duration_ms if asked.to_ms is None else min(asked.to_ms, duration_ms)
        whole = Span(min(asked.from_ms or 0, end_ms), end_ms)
        buckets = min(asked.buckets, whole.length_ms)
        counted = timeline.counts(session, asked.of(caller, video_id), whole, buckets=buckets) if buckets else []
        analysed = timeline.analysed(session, video_id, duration_ms, job_id=asked.job_id)
    return TimelineOut(video_id=video_id, duration_ms=duration_ms, buckets=_filled(divide(whole, buckets), counted, Meter(analysed)))


class Meter:
    """How much time some spans cover, of any stretch."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = union(spans)
        self._before = [0, *accumulate(span.length_ms for span in self._spans)]

    def within(self, span: Span) -> int:
        return self._until(span.end_ms) - self._until(span.start_ms)

    def _until(self, time_ms: int) -> int:
        place = bisect_right(self._spans, time_ms, key=lambda span: span.start_ms)
        over = max(self._spans[place - 1].end_ms - time_ms, 0) if place else 0
        return self._before[place] - over


def _filled(spans: list[Span], counted: Iterable[timeline.Count], meter: Meter) -> list[BucketOut]:
    by_bucket: dict[int, list[timeline.Count]] = defaultdict(list)
    for count in counted:
        by_bucket[count.bucket].append(count)
    return [
        BucketOut(
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            events=sum(count.events for count in by_bucket[number]),
            counts={
                count.type: count.events for count in sorted(by_bucket[number], key=lambda count: -count.events) if count.type is not None
            },
            not_analysed_ms=span.length_ms - meter.within(span),
        )
        for number, span in enumerate(spans)
    ]
