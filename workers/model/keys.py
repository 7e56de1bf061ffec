"""The key of a model server, kept out of everything that is printed: it is never a local variable, and no object shows it."""

from collections.abc import Generator

import httpx
from pydantic import SecretStr

# A shorter key can't be told from ordinary text.
MIN_CHARS = 8


class BearerKey(httpx.Auth):
    """Signs requests with the key; without one it leaves them as they are. Space around the key, as files leave it, is not part of it."""

    def __init__(self, key: str | None) -> None:
        self._key = SecretStr((key or "").strip())

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request

    @property
    def can_be_sent(self) -> bool:
        """Whether a header can hold it; httpx and h11 quote in their complaint what it can't."""
        return self._key.get_secret_value().isascii() and self._key.get_secret_value().isprintable()

    def taken_out_of(self, body: bytes) -> bytes:
        """Some servers quote the key that they refuse, and what they say is stored and logged."""
        return body.replace(self._key.get_secret_value().encode(), b"[key]") if len(self._key) >= MIN_CHARS else body
