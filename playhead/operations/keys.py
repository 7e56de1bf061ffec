"""Keys: who may do what in this workspace."""

from collections.abc import Sequence
from datetime import datetime

from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import KEEP, Keep, body, changed, delete, get, listed, patch, post
from playhead.pages import Listed
from playhead.types import Key, Me, NewKey


class Keys:
    @call
    def me(self) -> Ask[Me]:
        """Which key this is, what it may do, and in which workspace."""
        return get(Me, "/v1/me")

    @call
    def create_key(self, name: str, scopes: Sequence[str], *, expires_at: datetime | str | None = None) -> Ask[NewKey]:
        """A key for this workspace, with any of the scopes `read`, `write` and `admin`. It is told this once: store it."""
        return post(NewKey, "/v1/keys", body(name=name, scopes=list(scopes), expires_at=expires_at))

    @listing
    def keys(self, *, limit: int = 100) -> Listed[Key]:
        """Newest first, also those that have expired or were revoked."""
        return listed(Key, "/v1/keys", limit=limit)

    @call
    def key(self, key_id: str) -> Ask[Key]:
        return get(Key, at("/v1/keys/{}", key_id))

    @call
    def change_key(
        self,
        key_id: str,
        *,
        name: str | Keep = KEEP,
        scopes: Sequence[str] | Keep = KEEP,
        expires_at: datetime | str | Keep | None = KEEP,
    ) -> Ask[Key]:
        """What is not given stays; `expires_at=None`: never."""
        told = scopes if isinstance(scopes, Keep) else list(scopes)
        return patch(Key, at("/v1/keys/{}", key_id), changed(name=name, scopes=told, expires_at=expires_at))

    @call
    def revoke_key(self, key_id: str) -> Ask[None]:
        """End a key for good, also the one that asks. It stays in the list."""
        return delete(at("/v1/keys/{}", key_id))
