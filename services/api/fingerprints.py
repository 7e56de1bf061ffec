"""Whether two requests are the same, by digests of what they say, not of bytes that differ from try to try, like a form's boundaries."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request


def of_address(request: Request) -> bytes:
    """Of what is asked for: method, path, query, in whatever order its parameters come, and what tus says in headers."""
    told = sorted((name, value) for name, value in request.headers.items() if name.startswith("upload-"))
    return _digest([request.method, request.url.path, sorted(request.query_params.multi_items()), *told])


def of_json(body: bytes) -> bytes:
    """Of a question. White space and the order of members do not count, as not every language's maps have one."""
    try:
        return _digest(json.loads(body))
    except (ValueError, RecursionError):
        return hashlib.sha256(body).digest()


def of_form(fields: Mapping[str, str | None], *, file_sha256: str) -> bytes:
    """Of a form with one file, whatever the order of its parts."""
    return _digest([dict(fields), file_sha256])


def _digest(value: Any) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
