"""Where the server is, and the key to it: as given, from the environment, or from the stack started in this folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from playhead.errors import BadSetting

DEFAULT_URL = "http://127.0.0.1:8000"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Settings:
    url: str
    api_key: str | None = field(repr=False)
    local: bool

    @classmethod
    def find(cls, url: str | None = None, api_key: str | None = None, *, environ: Mapping[str, str] = os.environ) -> "Settings":
        """What is not given comes from `PLAYHEAD_URL` and `PLAYHEAD_API_KEY`.

        The key that `make up` writes is taken for an address on this machine alone: `PLAYHEAD_DATA_DIR` (`./var`) / `api-key`.
        Raises BadSetting.
        """
        address = _checked((url or environ.get("PLAYHEAD_URL") or DEFAULT_URL).strip().rstrip("/"))
        local = address.host in LOOPBACK
        key = api_key or environ.get("PLAYHEAD_API_KEY")
        if not key and local:
            key = _read_key(Path(environ.get("PLAYHEAD_DATA_DIR") or "var") / "api-key")
        if key and not (key.isascii() and key.strip().isprintable()):
            raise BadSetting("The API key holds characters that no key has. Copy it again.")
        return cls(str(address), key.strip() if key else None, local)


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadSetting(f"{url!r} is not an address ({error}). Write it as {DEFAULT_URL}.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadSetting(f"{url!r} is not an address. Write it as {DEFAULT_URL}.")
    return parsed


def _read_key(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"The API key in {path} can't be read ({error}). Set PLAYHEAD_API_KEY instead.") from error
