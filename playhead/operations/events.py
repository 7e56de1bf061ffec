"""Events: what happens, and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from playhead import answers
from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import get, listed
from playhead.pages import Listed
from playhead.types import Event


class Filters(TypedDict, total=False):
    """Which events.

    `at_ms` asks what goes on at that moment; `from_ms` and `to_ms` for what `overlaps` the stretch (`match`), lies `within` it or `starts`
    in it. `recorded_from` and `recorded_to` are wall-clock times with their offset. `types` are the ids asked for, `q` searches the text.
    `verification` (`confirmed`, `rejected`, `unverified`) picks by what a second look said; without it, all but what was rejected.
    """

    at_ms: int | None
    from_ms: int | None
    to_ms: int | None
    match: Literal["overlaps", "within", "starts"] | None
    recorded_from: datetime | str | None
    recorded_to: datetime | str | None
    types: Sequence[str]
    q: str | None
    min_confidence: float | None
    verification: Sequence[str]
    job_id: str | None


def chosen(filters: Filters) -> dict[str, Any]:
    """As query parameters."""
    several = {"type": list(filters.get("types", ())), "verification": list(filters.get("verification", ()))}
    return {**{name: value for name, value in filters.items() if name != "types"}, **{name: one or None for name, one in several.items()}}


class Events:
    @listing
    def events(
        self,
        video_id: str | None = None,
        *,
        sort: Literal["start_ms", "-start_ms", "-confidence"] | None = None,
        limit: int = 100,
        **filters: Unpack[Filters],
    ) -> Listed[Event]:
        """The events of one video, or of all of them; also while a job runs, marked `provisional`.

        `limit` is the size of a page (1 to 1000), not of the answer.
        """
        path = "/v1/events" if video_id is None else at("/v1/videos/{}/events", video_id)
        return listed(Event, path, sort=sort, limit=limit, **chosen(filters))

    @call
    def event(self, event_id: str) -> Ask[Event]:
        return get(Event, at("/v1/events/{}", event_id))

    @call
    def frame(self, event_id: str) -> Ask[bytes]:
        """The evidence: the frame that shows the event, as JPEG."""
        return Ask(method="GET", path=at("/v1/events/{}/frame.jpg", event_id), read=answers.body)
