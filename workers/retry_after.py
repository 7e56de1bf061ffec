"""The header by which a server says when to come again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite


def seconds(value: str | None) -> float | None:
    """A Retry-After header in seconds from now (RFC 9110, section 10.2.3: seconds or a date); None where it says nothing."""
    if not value:
        return None
    try:
        count = float(value)
    except ValueError:
        return _seconds_until(value)
    return max(count, 0.0) if isfinite(count) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
