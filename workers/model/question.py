"""What a job wants to know, as the model is asked."""

from dataclasses import dataclass

from core.request import EventField, JobRequest


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event; the description is its definition, in the caller's words, and `fields` the details asked for."""

    id: str
    description: str
    fields: tuple[EventField, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Without event types the model lists whatever it finds and names the types itself."""

    event_types: tuple[EventType, ...] = ()
    instructions: str | None = None

    @classmethod
    def of(cls, request: JobRequest) -> "Question":
        """What of a request concerns the model's words; a stored one comes by `JobRequest.model_validate`."""
        types = tuple(EventType(kind.id, kind.description, kind.fields) for kind in request.event_types)
        return cls(types, request.instructions)
