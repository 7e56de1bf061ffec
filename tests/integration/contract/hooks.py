"""What Schemathesis can't tell from the document: how a video begins, what there is, and which key it asks with. Named in
`schemathesis.toml`.
"""

import json
import os
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
_ids: dict[str, str] = json.loads(os.environ["PLAYHEAD_IDS"])
_spared: dict[str, str] = json.loads(os.environ["PLAYHEAD_SPARED"])


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Each request is a new one: with the key of another it would be refused, or given an answer that is true no more. What it names is
    there, unless it follows a link. What all the others need is neither changed nor deleted.
    """
    is_negative = case.meta is not None and case.meta.generation.mode.is_negative  # these are to stay as they are
    if not is_negative and (key := case.headers.get("Idempotency-Key")):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_numbers)}"
    if not is_negative and case.meta is not None and case.meta.phase.name != "stateful":
        for named in (case.path_parameters, case.query):
            named.update({name: _ids[name] for name in named.keys() & _ids.keys()})
        case.headers.pop("Upload-Checksum", None)  # nobody can guess it
    if case.method in {"DELETE", "PATCH"}:
        case.path_parameters.update({name: _spared.get(str(value), value) for name, value in case.path_parameters.items()})
