"""When to ask again, and after how long."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from playhead.errors import ApiError, ConnectionFailed

# Too many requests; and what a server, or the proxy before it, says while it restarts.
TEMPORARY = frozenset({429, 502, 503, 504})
# The try before, whose answer never came, is still being carried out.
TEMPORARY_CODES = frozenset({"idempotency_in_flight"})
LONGEST_PAUSE_S = 60.0
_FIRST_PAUSE_S, _LONGEST_BACKOFF_S = 0.25, 8.0


def pause_s(error: ApiError | ConnectionFailed, attempt: int) -> float | None:
    """How long to wait before the next try; None when trying again is no use, or has to wait for longer than anyone sits there."""
    if isinstance(error, ConnectionFailed):
        return backoff_s(attempt)
    if error.status not in TEMPORARY and error.code not in TEMPORARY_CODES:
        return None
    pause = backoff_s(attempt) if error.retry_after_s is None else error.retry_after_s
    return pause if pause <= LONGEST_PAUSE_S else None


def backoff_s(attempt: int) -> float:
    """0.25 s, doubling up to 8 s; less up to half at random, so that many clients don't come back at once. `attempt` counts from 0."""
    pause: float = min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_BACKOFF_S)
    return pause * random.uniform(0.5, 1)  # noqa: S311 (guards no secret)


def retry_after_s(header: str | None, *, now: datetime | None = None) -> float | None:
    """A `Retry-After` header, which is seconds or a date (RFC 9110, section 10.2.3); None without one that can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())
