"""What Schemathesis can't tell from the document: how a video begins. Named in `schemathesis.toml`."""

from itertools import count
from typing import Any

import schemathesis
from hypothesis import strategies as st

BEGINNING = bytes.fromhex("00000018667479706d703432000000006d70343269736f6d")
videos = st.binary(max_size=64).map(lambda rest: BEGINNING + rest)

schemathesis.openapi.format("binary", videos.map(lambda video: video.decode("latin-1")))
for media_type in ("video/mp4", "video/*", "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, videos)

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
schemathesis.openapi.media_type("application/offset+octet-stream", videos)

_numbers = count()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Each request is a new one: with the key of another it would be refused, or given an answer that is true no more."""
    is_negative = case.meta is not None and case.meta.generation.mode.is_negative  # these are to stay as they are
    if not is_negative and (key := case.headers.get("Idempotency-Key")):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_numbers)}"
