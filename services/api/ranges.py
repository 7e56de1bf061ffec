"""`Range`, `If-Range` and `If-None-Match` of downloads (RFC 9110, sections 13.1 and 14): one part of bytes, all of it, or nothing new."""

import re

from fastapi import HTTPException

_RANGE = re.compile(r"^bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*$", re.IGNORECASE)


def wanted(range_: str | None, *, if_range: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """`[start, end)`; None: all of it, as for a range that is malformed, in another unit or of several parts, which is ignored.

    Raises `HTTPException` 416 where nothing of the range is there.
    """
    match = _RANGE.match(range_ or "")
    if match is None or match.groups() == ("", "") or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start, end = (int(first), min(int(last) + 1, size) if last else size) if first else (max(0, size - int(last)), size)
    if start >= end:
        raise HTTPException(
            416, f"The video has {size} bytes, and none of them lie in the range asked for.", {"Content-Range": f"bytes */{size}"}
        )
    return start, end


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has what this `ETag` stands for, so that 304 is all there is to say."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return etag in known or known == {"*"}
