"""Events: what happens, and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from playhead import answers
from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import get, listed
from playhead.pages import Listed
from playhead.types import Event


class Events:
    @listing
    def events(
        self,
        video_id: str | None = None,
        *,
        at_ms: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        match: Literal["overlaps", "within", "starts"] | None = None,
        recorded_from: datetime | str | None = None,
        recorded_to: datetime | str | None = None,
        types: Sequence[str] = (),
        q: str | None = None,
        min_confidence: float | None = None,
        verification: Sequence[str] = (),
        job_id: str | None = None,
        sort: Literal["start_ms", "-start_ms", "-confidence"] | None = None,
        limit: int = 100,
    ) -> Listed[Event]:
        """The events of one video, or of all of them; also while a job runs, marked `provisional`.

        `at_ms` asks what goes on at that moment; `from_ms` and `to_ms` for what `overlaps` the stretch, lies `within` it or
        `starts` in it. `recorded_from` and `recorded_to` are wall-clock times with their offset. `q` searches the text.
        `verification` (`confirmed`, `rejected`, `unverified`) picks by what a second look said; without it, all but what was rejected.
        `limit` is the size of a page (1 to 1000), not of the answer.
        """
        return listed(
            Event,
            "/v1/events" if video_id is None else at("/v1/videos/{}/events", video_id),
            at_ms=at_ms,
            from_ms=from_ms,
            to_ms=to_ms,
            match=match,
            recorded_from=recorded_from,
            recorded_to=recorded_to,
            type=list(types) or None,
            q=q,
            min_confidence=min_confidence,
            verification=list(verification) or None,
            job_id=job_id,
            sort=sort,
            limit=limit,
        )

    @call
    def event(self, event_id: str) -> Ask[Event]:
        return get(Event, at("/v1/events/{}", event_id))

    @call
    def frame(self, event_id: str) -> Ask[bytes]:
        """The evidence: the frame that shows the event, as JPEG."""
        return Ask(method="GET", path=at("/v1/events/{}/frame.jpg", event_id), read=answers.body)
