"""Short ways to describe a request."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar
from uuid import uuid4

from playhead import answers
from playhead.calls import Ask
from playhead.pages import Listed
from playhead.types import Record

R = TypeVar("R", bound=Record)


def get(kind: type[R], path: str, **params: Any) -> Ask[R]:
    return Ask(method="GET", path=path, params=query(**params), read=answers.record(kind))


def post(kind: type[R], path: str, sent: Mapping[str, Any] | None = None) -> Ask[R]:
    """Safe to repeat: by its key the server knows that it is the same call, and answers as it did before."""
    return Ask(method="POST", path=path, json=sent, headers=keyed(), read=answers.record(kind))


def patch(kind: type[R], path: str, changes: Mapping[str, Any]) -> Ask[R]:
    return Ask(method="PATCH", path=path, json=changes, read=answers.record(kind))


def delete(path: str) -> Ask[None]:
    return Ask(method="DELETE", path=path, read=answers.nothing)


def listed(kind: type[R], path: str, **params: Any) -> Listed[R]:
    return Listed(Ask(method="GET", path=path, params=query(**params), read=answers.page(kind)))


class Keep(Enum):
    """Says of a change that something stays as it is, where None would be a value."""

    KEEP = "keep"


KEEP = Keep.KEEP


def changed(**changes: Any) -> dict[str, Any]:
    """The body of a change: what is kept is left out."""
    return {name: _written(value) for name, value in changes.items() if value is not KEEP}


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def query(**params: Any) -> dict[str, Any]:
    """What is None is left out; times are ISO 8601, mappings JSON."""
    return {name: json.dumps(value) if isinstance(value, Mapping) else value for name, value in body(**params).items()}


def body(**fields: Any) -> dict[str, Any]:
    """What is None is left out; times are ISO 8601."""
    return {name: _written(value) for name, value in fields.items() if value is not None}


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
