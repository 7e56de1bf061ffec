"""Lists: one shape, one way to turn pages."""

from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=1000, description="How many to return at the most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Listing(BaseModel, Generic[Item]):
    """A page of a list. `next_cursor` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"description": "A page of a list."})  # docstrings are not passed on to `Listing[...]`

    object: Literal["list"] = "list"
    data: list[Item]
    next_cursor: str | None = Field(None, description="Pass it as `cursor` to get the next page.")
