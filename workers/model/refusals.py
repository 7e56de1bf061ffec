"""Which limit of the server a refusal is about, by what it says."""

import re
from collections.abc import Mapping

# What servers say, whatever the status, when a call holds more than they take; the first that fits names the limit.
#   vLLM        At most 1 image(s) may be provided in one prompt.
#   llama.cpp   request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it; Context size has been exceeded.
#   OpenRouter  This endpoint's maximum context length is 16384 tokens. However, you requested about 94307 tokens
#   OpenAI      This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.
#   vLLM        You passed 4097 input tokens and requested 0 output tokens. However, the model's context length is only 4096 tokens.
#   SGLang      The input (5000 tokens) is longer than the model's context length (4096 tokens).
#   proxies     Request Entity Too Large; Payload Too Large; total image size exceeds 30 MB
LIMITS: Mapping[str, re.Pattern[str]] = {
    "bytes": re.compile(
        r"(entity|payload|body|request|image size|file size)\b.{0,40}\b(too large|too big|exceeds?.{0,30}\b[KMG]i?B)", re.IGNORECASE
    ),
    "images": re.compile(
        r"(too many|at most|maximum( of)?|up to|more than)\b.{0,40}\bimages?\b|\bimages\b.{0,40}\b(exceed|limit)", re.IGNORECASE
    ),
    "context": re.compile(
        r"context[ _-]?(length|size|window)|exceeds?.{0,40}\bcontext|"
        r"(context|prompt|input|tokens?)\b.{0,60}\b(exceed|too long|too large|longer than)",
        re.IGNORECASE,
    ),
}


MOST: Mapping[str, re.Pattern[str]] = {
    "images": re.compile(r"(?:at most|maximum(?: of)?|up to|limit(?: of| is)?|no more than) (\d{1,4})\b.{0,20}\bimage", re.IGNORECASE),
    "context": re.compile(r"context[ _-]?(?:length|size|window)[^0-9]{0,12}(\d{3,8})\b", re.IGNORECASE),
}


def most(limit: str, said: str) -> int | None:
    """The number of images, or of tokens of context, that a refusal names as the most."""
    found = MOST[limit].search(said) if limit in MOST else None
    return int(found[1]) or None if found else None


SIZE_STATUSES = frozenset({400, 413, 422, 500})
"""Others mean something else, whatever they say: a 429 may speak of tokens too, those of a minute."""


def limit_met(status: object, said: str) -> str | None:
    """Which limit a refusal names: `images`, `bytes` or `context`; None where it is about something else."""
    if status not in SIZE_STATUSES:
        return None
    named = next((limit for limit, pattern in LIMITS.items() if pattern.search(said)), None)
    return named or ("bytes" if status == 413 else None)
