"""Who is let in: keys, and how often they and those who have none may come.

A key that was found valid is taken for valid for `key_kept` (a second) without asking the database, so that a request costs no query more.
Revoked or changed over this process it is asked for at once; over another one, within that time.
"""

import ipaddress
import threading
import time
from collections.abc import Callable
from uuid import UUID

from core.errors import RateLimited, Unauthenticated
from core.settings import Settings
from db import keys
from db.keys import Valid
from db.models import ApiKey
from services.api.turnstile import Allowance, Turnstile

KNOWN_MAX = 10_000
REMEMBERED_S = 3600.0
"""For how long a key that was valid once is looked up, also for an address that others have tried bad keys from."""


class Door:
    def __init__(self, settings: Settings) -> None:
        self.turnstile = Turnstile(settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[ApiKey, float, float]] = {}

    def known(self, key: str) -> ApiKey | None:
        """What is known of a key that was found valid just now."""
        row, _, until = self._known.get(keys.digest(key), (None, 0.0, 0.0))
        return row if time.monotonic() < until else None

    def admit(self, key: str, address: str | None, find: Callable[[str], Valid | None]) -> ApiKey:
        """The key as the database has it. Raises `Unauthenticated`, or `RateLimited` for an address that too many bad keys came from.

        A key that was valid within the hour is looked up in any case: whoever shares an address with others does not suffer for them.
        """
        place, digest = f"address:{network(address)}", keys.digest(key)
        limit = self._settings.max_failures_a_minute
        if limit and digest not in self._known and (tried := self.turnstile.look(place, limit=limit)).is_over:
            raise RateLimited("Too many requests with bad API keys came from this address.", retry_after_s=tried.reset_s)
        seen_at = time.monotonic()
        found = find(key)
        if found is None:
            with self._lock:
                self._known.pop(digest, None)
            if limit:
                self.turnstile.enter(place, limit=limit)
            raise Unauthenticated("This API key is unknown, expired or revoked.")
        kept_s = self._settings.key_kept.total_seconds()
        self._remember(digest, found.key, seen_at, min(kept_s, kept_s if found.left is None else found.left.total_seconds()))
        return found.key

    def forget(self, key_id: UUID) -> None:
        """Ask for this key again, since it was changed."""
        with self._lock:
            self._known = {digest: known for digest, known in self._known.items() if known[0].id != key_id}

    def pass_through(self, key: ApiKey) -> Allowance | None:
        """Count a request of a key; None where it has no limit."""
        limit = self._settings.max_requests_a_minute if key.max_requests_a_minute is None else key.max_requests_a_minute
        return self.turnstile.enter(f"key:{key.id}", limit=limit) if limit else None

    def _remember(self, digest: bytes, key: ApiKey, seen_at: float, lasts_s: float) -> None:
        with self._lock:
            if len(self._known) >= KNOWN_MAX:
                self._known = {old: known for old, known in self._known.items() if known[1] > seen_at - REMEMBERED_S / 2}
            self._known[digest] = (key, seen_at, seen_at + lasts_s)


def network(address: str | None) -> str:
    """What one caller has of addresses: one of version 4, or 2**64 of version 6."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
