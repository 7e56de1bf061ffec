"""Who is let in: keys, and how often they and those who have none may come.

A key that was found valid is taken for valid for `key_kept` (a second) without asking the database, so that a request costs no query more;
then it is asked for once for all who come meanwhile. Revoked or changed over this process it is asked for at once; over another one, within
that time and as long as it takes to ask.
"""

import ipaddress
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from core.errors import RateLimited, Unauthenticated
from core.settings import Settings
from db import keys
from db.models import ApiKey
from db.session import Sessions
from services.api.shared import Shared
from services.api.turnstile import Allowance, Turnstile

KNOWN_MAX = 10_000
REMEMBERED_S = 3600.0
"""For how long a key that was valid once is looked up, also for an address that others have tried bad keys from."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose data a request may see, and what it may do, and how much of it: 0 is no limit."""

    workspace_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    max_requests_a_minute: int = 0
    max_uploads_a_day: int = 0
    max_jobs_a_day: int = 0

    @classmethod
    def of(cls, key: ApiKey, settings: Settings) -> "Caller":
        own = {name: getattr(key, name) for name in keys.LIMITS}
        limits = {name: getattr(settings, name) if limit is None else limit for name, limit in own.items()}
        return cls(key.workspace_id, key.id, frozenset(key.scopes), **limits)


class _Known(NamedTuple):
    """Whose key was found valid, when, and until when it is taken for that."""

    caller: Caller
    seen_at: float
    until: float


class Door:
    """One for an app; `admit` belongs to one event loop."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self.turnstile = Turnstile(settings)
        self._sessions = sessions
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[bytes, _Known] = {}
        self._asking: Shared[bytes, Caller] = Shared()
        self._changes = 0

    async def admit(self, key: str, address: str | None) -> Caller:
        """Whose key that is. Raises `Unauthenticated`, or `RateLimited` for an address that too many bad keys came from.

        A key that was valid within the hour is looked up in any case: whoever shares an address with others does not suffer for them.
        """
        digest = keys.digest(key)
        known = self._known.get(digest)
        if known is None:
            return await run_in_threadpool(self._find, key, digest, address, is_known=False)
        if time.monotonic() < known.until:
            return known.caller
        return await self._asking.get(digest, lambda: run_in_threadpool(self._find, key, digest, address, is_known=True))

    def forget(self, key_id: UUID) -> None:
        """Ask for this key again, since it was changed."""
        with self._lock:
            self._known = {digest: known for digest, known in self._known.items() if known.caller.key_id != key_id}
            self._asking.forget()
            self._changes += 1

    def pass_through(self, caller: Caller) -> Allowance | None:
        """Count a request; None where there is no limit."""
        limit = caller.max_requests_a_minute
        return self.turnstile.enter(f"key:{caller.key_id}", limit=limit) if limit else None

    def _find(self, key: str, digest: bytes, address: str | None, *, is_known: bool) -> Caller:
        """As the database has it."""
        place, limit = f"address:{network(address)}", self._settings.max_failures_a_minute
        if limit and not is_known and (tried := self.turnstile.look(place, limit=limit)).is_over:
            raise RateLimited("Too many requests with bad API keys came from this address.", retry_after_s=tried.reset_s)
        seen_at, changes = time.monotonic(), self._changes
        with self._sessions.begin() as session:
            found = keys.admit(session, key)
        if found is None:
            with self._lock:
                self._known.pop(digest, None)
            if limit:
                self.turnstile.enter(place, limit=limit)
            raise Unauthenticated("This API key is unknown, expired or revoked.")
        caller, kept_s = Caller.of(found.key, self._settings), self._settings.key_kept.total_seconds()
        until = seen_at + min(kept_s, kept_s if found.left is None else found.left.total_seconds())
        with self._lock:
            if self._changes == changes:  # or it may be this key's
                self._remember(digest, _Known(caller, seen_at, until))
        return caller

    def _remember(self, digest: bytes, known: _Known) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known = {old: one for old, one in self._known.items() if one.seen_at > known.seen_at - REMEMBERED_S / 2}
        self._known[digest] = known


def network(address: str | None) -> str:
    """What one caller has of addresses: one of version 4, or 2**64 of version 6."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
