"""What a server answers to a request for a file, or for the rest of one: which bytes it offers, or what its refusal means."""

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from core.errors import RemoteUnavailable, UrlRefused
from workers import retry_after
from workers.outbound.reading import Head

VALIDATOR_MAX_LENGTH = 512
LATER = frozenset({408, 425, 429})
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\s*\Z", re.ASCII)

CURES = {
    401: "It asks for credentials; use a URL that opens without, such as a signed one.",
    403: "If the URL is a signed one it may have expired: send the video again with a new one.",
    404: "There is nothing there; check the URL.",
    410: "It was there, and is gone.",
}


class Changed(Exception):
    """These are not the bytes that were asked for: fetch all of it anew."""


class Offer(NamedTuple):
    """Bytes from `start` on, of `total` (None: the server does not say). `validator` tells them from another version's, where it can."""

    start: int
    total: int | None
    validator: str | None


def asking(at: int, validator: str | None) -> dict[str, str]:
    """The headers of a request for what comes from `at` on, if it is what it was (RFC 9110, sections 13.1.5 and 14.2)."""
    plain = {"Accept": "*/*", "Accept-Encoding": "identity"}
    return {**plain, "Range": f"bytes={at}-", "If-Range": validator} if at and validator else plain


def offer_of(head: Head, *, host: str, at: int, validator: str | None) -> Offer:
    """Raises `UrlRefused`, `RemoteUnavailable`, and `Changed` where another version or other bytes are offered than what was asked for."""
    if head.status == 200:
        return Offer(0, _length(head.headers.get("Content-Length")), validator_of(head.headers))
    if at and head.status == 206:
        return _rest(head, at=at, validator=validator)
    if at and head.status == 416:
        raise Changed
    if head.status in LATER or head.status >= 500:
        raise RemoteUnavailable(f"{host} answers with {head.status}.", retry_after_s=retry_after.seconds(head.headers.get("Retry-After")))
    cure = CURES.get(head.status, "Check the URL.")
    raise UrlRefused(f"{host} answers with {head.status}. {cure} A retry of the job asks again.", status=head.status)


def validator_of(headers: httpx.Headers) -> str | None:
    """What If-Range may be sent with: a strong ETag, or a date that is strong since the answer is later (RFC 9110, section 8.8.2.2)."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    found = etag if etag.startswith('"') else modified if _is_later(headers.get("Date", ""), modified) else None
    return found if found and found.isascii() and found.isprintable() and len(found) <= VALIDATOR_MAX_LENGTH else None


def _rest(head: Head, *, at: int, validator: str | None) -> Offer:
    told = CONTENT_RANGE.match(head.headers.get("Content-Range", ""))
    if told is None or int(told[1]) != at or validator_of(head.headers) not in (None, validator):
        raise Changed
    return Offer(at, None if told[2] == "*" else int(told[2]), validator)


def _length(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() else None


def _is_later(date: str, than: str) -> bool:
    try:
        return parsedate_to_datetime(date) - parsedate_to_datetime(than) >= timedelta(seconds=1)
    except (ValueError, TypeError):
        return False
