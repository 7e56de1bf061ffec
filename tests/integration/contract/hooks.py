"""What Schemathesis can't tell from the document: how a video begins. Named in `schemathesis.toml`."""

import schemathesis
from hypothesis import strategies as st

BEGINNING = bytes.fromhex("00000018667479706d703432000000006d70343269736f6d")
videos = st.binary(max_size=64).map(lambda rest: BEGINNING + rest)

schemathesis.openapi.format("binary", videos.map(lambda video: video.decode("latin-1")))
for media_type in ("video/mp4", "video/*", "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, videos)
