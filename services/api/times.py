"""Wall-clock times as callers write them."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

AS_IN = "must be a time in ISO 8601 with its offset from UTC, as in 2026-03-01T09:00:00+01:00"
# Pydantic would take a bare number too, for seconds or milliseconds since 1970, as it seems fit.
_BEGINS = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
_LOST_PLUS = re.compile(r".*\d \d{2}:?\d{2}$")


def _checked(value: object, handle: ValidatorFunctionWrapHandler) -> datetime:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _BEGINS.match(value)):
        raise ValueError(AS_IN)
    try:
        time: datetime = handle(value)
        return time.astimezone(UTC)  # Postgres knows no offset of 16 hours or more
    except OverflowError as error:
        raise ValueError(AS_IN) from error
    except ValidationError as error:
        lost = isinstance(value, str) and _LOST_PLUS.match(value)
        raise ValueError(f"{AS_IN}; in an address `+` is written `%2B`" if lost else AS_IN) from error


WallClock = Annotated[AwareDatetime, WrapValidator(_checked)]
"""A time with its offset, as ISO 8601 and in no other way."""
