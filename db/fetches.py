"""How far a fetch is."""

from typing import Any

from sqlalchemy import Double, cast, func
from sqlalchemy.orm import Session

from db import leases
from db.models import Fetch

_SHARE = func.coalesce(cast(Fetch.bytes_done, Double) / func.nullif(Fetch.bytes_total, 0), 0)


def note(session: Session, work: Fetch, **values: Any) -> None:
    """Write down how far it is, and how far it was before. Raises `LeaseLost`."""
    leases.note(session, work, furthest=func.greatest(Fetch.furthest, _SHARE), **values)
