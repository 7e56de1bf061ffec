"""Keys, and whose they are."""

from dataclasses import dataclass, field
from datetime import datetime

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Key(Record):
    """What is known of an API key; `prefix` is how it begins. The key itself is kept nowhere."""

    id: str
    name: str
    prefix: str | None = None
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NewKey(Key):
    """`key` is told this once."""

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Workspace(Record):
    """Whose data it is."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Limits(Record):
    """How much a key and its workspace may do; None: as much as they like. Days are UTC's."""

    max_requests_a_minute: int | None = None
    max_uploads_a_day: int | None = None
    max_jobs_a_day: int | None = None
    max_open_jobs: int | None = None
    max_stored_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Me(Record):
    """The key that asks, its workspace, and how much it may do."""

    key: Key
    workspace: Workspace
    limits: Limits = field(default_factory=Limits)
