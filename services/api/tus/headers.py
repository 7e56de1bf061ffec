"""What tus says in headers: parsed, and written."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import UUID

from core.errors import UnknownChecksum, Unprocessable
from db.models import Upload

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-defer-length",
    "creation-with-upload",
    "checksum",
    "expiration",
    "termination",
    "concatenation",
)
PREFIX = "/v1/uploads"
LARGEST = 2**63 - 1
ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
BODY = "application/offset+octet-stream"
VIDEO, JOB = "Playhead-Video-Id", "Playhead-Job-Id"

SAID_BY_CLIENTS = frozenset({"filetype", "type", "relativePath"})
"""Keys that clients add by themselves, and that say nothing here."""

_FINAL = re.compile(r"^final;(.+)$")
_KEY = re.compile(r"^[!-+\--~]+$")


def fields_of(header: str | None) -> dict[str, str]:
    """What an Upload-Metadata says of the video, by name. Raises `Unprocessable`."""
    told = dict(_pairs(header)) if header else {}
    if "name" in told:
        told.setdefault("filename", told.pop("name"))
    return {name: value for name, value in told.items() if name not in SAID_BY_CLIENTS}


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    seen = set[str]()
    for pair in header.split(","):
        name, _, value = pair.strip().partition(" ")
        if not _KEY.match(name) or name in seen:
            raise Unprocessable("Upload-Metadata must be pairs of a key and its Base64, each key once.", field="upload-metadata")
        seen.add(name)
        try:
            yield name, base64.b64decode(value.strip(), validate=True).decode()
        except ValueError as error:
            raise Unprocessable(f"The value of {name} must be UTF-8 in Base64.", field="upload-metadata") from error


def partials_of(header: str) -> list[UUID] | None:
    """The uploads that an Upload-Concat wants joined, by their addresses; None: it is to be a partial one. Raises `Unprocessable`."""
    if header == "partial":
        return None
    match = _FINAL.match(header)
    try:
        ids = [UUID(address.rstrip("/").rpartition("/")[2]) for address in match[1].split()] if match else []
    except ValueError:
        ids = []
    if not ids or len(set(ids)) < len(ids):
        raise Unprocessable("Upload-Concat must be `partial`, or `final;` and the addresses of partial uploads.", field="upload-concat")
    return ids


class Checksum:
    """What the bytes of a request must add up to."""

    def __init__(self, header: str) -> None:
        """Raises `UnknownChecksum` and `Unprocessable`."""
        algorithm, _, value = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise UnknownChecksum(f"Checksums are taken as {', '.join(ALGORITHMS)}.")
        try:
            self._expected = base64.b64decode(value.strip(), validate=True)
        except ValueError as error:
            raise Unprocessable("Upload-Checksum must be an algorithm and the checksum in Base64.", field="upload-checksum") from error
        self._digest: _Hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self._digest.update(data)

    @property
    def matches(self) -> bool:
        return self._digest.digest() == self._expected


def address(upload_id: object) -> str:
    return f"{PREFIX}/{upload_id}"


def of(upload: Upload) -> dict[str, str]:
    """What every answer about an upload says of it."""
    said = {"Upload-Offset": str(upload.offset), "Upload-Expires": _date(upload.expires_at)}
    if upload.role != "partial" and upload.video_id:
        said |= {VIDEO: str(upload.video_id), JOB: str(upload.job_id)}
    return said


def all_of(upload: Upload) -> dict[str, str]:
    """What a HEAD says beside that."""
    said = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
    told = {"Upload-Metadata": upload.header, "Upload-Concat": upload.concat}
    return of(upload) | said | {name: value for name, value in told.items() if value}


def _date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)
