"""What becomes of a job, one thing after the other."""

import json
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

from playhead.errors import UnexpectedAnswer
from playhead.messages import Message
from playhead.types.events import Event
from playhead.types.jobs import Job

Kind = Literal["job", "event", "withdrawn", "end", "deleted"]


@dataclass(frozen=True, kw_only=True)
class News:
    """One thing that became of a job.

    | `kind` | |
    |---|---|
    | `job` | Something of the `job` changed. |
    | `event` | An `event` is new, or different from before. |
    | `withdrawn` | There is no event `event_id` any more. |
    | `end` | The `job` has ended: its events are no longer provisional, and nothing follows. |
    | `deleted` | The job is deleted, and nothing follows. |

    `id` is for going on after it. A kind that this version does not know has neither job nor event; `raw` is all that was sent.
    """

    kind: Kind
    id: str | None = None
    job: Job | None = None
    event: Event | None = None
    event_id: str | None = None
    raw: Any = None

    @property
    def is_last(self) -> bool:
        return self.kind in {"end", "deleted"}

    @classmethod
    def of(cls, message: Message) -> Self:
        try:
            data = json.loads("\n".join(message.data))
        except ValueError as error:
            raise UnexpectedAnswer(f"The server's news can't be read ({error}).") from error
        event = Event.from_json(data) if message.event == "event" else None
        return cls(
            kind=cast("Kind", message.event),
            id=message.id,
            job=Job.from_json(data) if message.event in {"job", "end"} else None,
            event=event,
            event_id=event.id if event else data.get("id") if message.event == "withdrawn" else None,
            raw=data,
        )
