"""What is told of a job that goes on."""

from dataclasses import dataclass

from playhead.types.events import Event
from playhead.types.jobs import Job


@dataclass(frozen=True, kw_only=True)
class News:
    """`name`: `job` and `end` come with the `job` as it is then, `event` with an `event` that is new or different, `withdrawn` with the
    `event_id` of one that there is no more, `deleted` with nothing. `id`: `client.follow` goes on after it.
    """

    name: str
    id: str
    job: Job | None = None
    event: Event | None = None
    event_id: str | None = None
