"""What is wanted of a video that comes in, and what is told of it: the same for each way in which it comes."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.blobs import source_key
from core.request import JobRequest, Text
from db.models import Video
from services.api.context import Parts
from services.api.times import WallClock

MAX_DEPTH = 32


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError("must be JSON") from error


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """What Postgres's jsonb can hold, and every reader can follow."""
    for leaf in _leaves(value, MAX_DEPTH):
        if (isinstance(leaf, str) and "\x00" in leaf) or (isinstance(leaf, float) and not math.isfinite(leaf)):
            raise ValueError("must hold no NUL and no number beyond all bounds")
    return value


def _leaves(value: object, depth: int) -> Iterator[object]:
    """Keys and values. Raises ValueError for what is nested deeper, or is no text."""
    if depth < 0:
        raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be Unicode text, without halves of surrogate pairs")
    if not children:
        yield value
    for child in children:
        yield from _leaves(child, depth - 1)


def _plausible(value: datetime) -> datetime:
    """Wall-clock times of events are counted from it, and Python's years end at 9999."""
    if not 1900 <= value.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return value.astimezone(UTC)


class Intent(BaseModel):
    """What comes with a video: in the form, in the query, or with an upload."""

    model_config = ConfigDict(extra="forbid")

    request: Annotated[JobRequest, BeforeValidator(_parsed)] = Field(default_factory=JobRequest)
    title: Text | None = Field(None, max_length=500)
    custom_id: Text | None = Field(None, max_length=200)
    recorded_at: Annotated[WallClock, AfterValidator(_plausible)] | None = None
    metadata: Annotated[dict[str, Any], BeforeValidator(_parsed), AfterValidator(_storable)] = Field(default_factory=dict)
    filename: Text | None = Field(None, max_length=500)

    def video(self, workspace_id: UUID, video_id: UUID, **values: Any) -> Video:
        """Its row."""
        return Video(
            id=video_id,
            workspace_id=workspace_id,
            blob_key=source_key(video_id),
            filename=self.filename,
            title=self.title,
            custom_id=self.custom_id,
            meta=self.metadata,
            recorded_at=self.recorded_at,
            **values,
        )


Wanted = TypeVar("Wanted", bound=Intent)


def checked(parts: Parts, fields: Mapping[str, Any]) -> Intent:
    """What is wanted, if it can be done: what can't is refused before anything is stored.

    Raises `RequestValidationError` and `Rejected`.
    """
    return checked_as(Intent, parts, fields)


def checked_as(kind: type[Wanted], parts: Parts, fields: Mapping[str, Any]) -> Wanted:
    """The same where more comes with it."""
    try:
        intent = kind.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("form", *one["loc"])} for one in error.errors(include_url=False, include_context=False)]
        ) from error
    intent.request.resolved(parts.settings)
    return intent
