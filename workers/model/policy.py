"""What each way of failing leads to, in one table, and how often and how patiently a call is tried again.

| error            | then                                                                                       |
|------------------|--------------------------------------------------------------------------------------------|
| ModelUnavailable | tried again in place (full jitter, Retry-After wins), then raised: the window is put off    |
| ModelPaused      | raised at once: the operator must act, jobs wait                                            |
| ModelRejected    | raised at once: the window fails, with the reason                                           |
| CircuitOpen      | raised at once: the window is put off                                                       |
| ModelBusy        | raised after a while without a free slot: the window is put off, and nobody is told         |
| PromptTooLarge   | raised at once: the window's frames are asked for in halves (`inquiry`), the limit is learned |

Who may call at all, and how many at once, is decided by `gate`. What is done about replies that came and can't be used is in `remedies`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from math import isfinite

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from core.errors import CircuitOpen, ModelPaused, ModelRejected, ModelUnavailable, PromptTooLarge

ModelError = type[ModelUnavailable] | type[ModelPaused] | type[ModelRejected]


class Failure(StrEnum):
    """Ways of failing that have no status of their own."""

    UNSENDABLE = "unsendable"  # URL or header that can't be sent: a wrong setting
    NETWORK = "network"
    TIMEOUT = "timeout"
    GARBLED = "garbled"  # a 200 that is not the protocol: a proxy's page, half a body
    ERROR_IN_200 = "error_in_200"
    EMPTY = "empty"  # content null or empty


POLICY: Mapping[int | str, ModelError] = {
    # Statuses; a class of them where the status itself is not named.
    401: ModelPaused,
    402: ModelPaused,
    408: ModelUnavailable,
    413: PromptTooLarge,
    425: ModelUnavailable,
    429: ModelUnavailable,
    "3xx": ModelRejected,
    "4xx": ModelRejected,  # 400, 403, 404, 422 and whatever else
    "5xx": ModelUnavailable,  # 500, 502, 503, 504, 524, 529 and whatever else
    # Failures without a status.
    Failure.UNSENDABLE: ModelPaused,
    Failure.NETWORK: ModelUnavailable,
    Failure.TIMEOUT: ModelUnavailable,
    Failure.GARBLED: ModelUnavailable,
    Failure.ERROR_IN_200: ModelUnavailable,
    Failure.EMPTY: ModelUnavailable,
}


# What servers say, whatever the status, when a call holds more than they take; the first that fits names the limit.
#   vLLM        At most 1 image(s) may be provided in one prompt.
#   llama.cpp   request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it; Context size has been exceeded.
#   OpenRouter  This endpoint's maximum context length is 16384 tokens. However, you requested about 94307 tokens
#   SGLang      The input (5000 tokens) is longer than the model's context length (4096 tokens).
#   proxies     Request Entity Too Large; Payload Too Large; total image size exceeds 30 MB
LIMITS: Mapping[str, re.Pattern[str]] = {
    "bytes": re.compile(
        r"(entity|payload|body|request|image size|file size)\b.{0,40}\b(too large|too big|exceeds?.{0,30}\b[KMG]i?B)", re.IGNORECASE
    ),
    "images": re.compile(
        r"(too many|at most|maximum( of)?|up to|more than|exceeds?)\b.{0,40}\bimages?\b|\bimages?\b.{0,40}\b(exceed|limit)", re.IGNORECASE
    ),
    "context": re.compile(
        r"(context|prompt|input|tokens?)\b.{0,60}\b(exceed|too long|too large|longer than|however, you requested)|exceeds?.{0,40}\bcontext",
        re.IGNORECASE,
    ),
}


MOST_IMAGES = re.compile(r"(?:at most|maximum(?: of)?|up to|limit(?: of| is)?|no more than) (\d{1,4})\b.{0,20}\bimage", re.IGNORECASE)


def most_images(said: str) -> int | None:
    """The number of images that a refusal names as the most."""
    found = MOST_IMAGES.search(said)
    return int(found[1]) or None if found else None


SIZE_STATUSES = frozenset({400, 413, 422, 500})
"""Others mean something else, whatever they say: a 429 may speak of tokens too, those of a minute."""


def limit_met(status: object, said: str) -> str | None:
    """Which limit a refusal names: `images`, `bytes` or `context`; None where it is about something else."""
    if status not in SIZE_STATUSES:
        return None
    named = next((limit for limit, pattern in LIMITS.items() if pattern.search(said)), None)
    return named or ("bytes" if status == 413 else None)


def error_for(failure: int | Failure) -> ModelError:
    """The class of error that a status (300 to 599), or a failure without one, is raised as."""
    if isinstance(failure, Failure) or failure in POLICY:
        return POLICY[failure]
    return POLICY.get(f"{failure // 100}xx", POLICY[Failure.GARBLED])


def error_in_200(code: object) -> ModelError:
    """The class for an error that came inside a 200: a matter of the key stays one, anything else may be over next time."""
    text = str(code) if isinstance(code, int | str) else ""
    named = POLICY.get(int(text)) if text.isdecimal() and len(text) == 3 else None
    return named if named is ModelPaused else POLICY[Failure.ERROR_IN_200]


def retry_after_s(value: str | None) -> float | None:
    """A Retry-After header in seconds from now (RFC 9110, section 10.2.3: seconds or a date); None where it says nothing."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value)
    return max(seconds, 0.0) if isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def retrying(*, tries: int, backoff: timedelta, backoff_max: timedelta, sleep: Callable[[float], None]) -> Retrying:
    """Tries while ModelUnavailable is raised, then raises the last one as it is; `sleep` is called between tries, in seconds.

    Full jitter, doubling from `backoff` to `backoff_max`. A Retry-After is waited for in full, with the first jitter on top so that
    callers told the same do not come back together; one longer than `backoff_max` ends the tries: whoever called puts the work off by
    `retry_after_s`.
    """
    longest_s = backoff_max.total_seconds()
    jitter = wait_random_exponential(multiplier=backoff.total_seconds(), max=longest_s)
    spread = wait_random_exponential(multiplier=backoff.total_seconds(), max=backoff.total_seconds())

    def wait(state: RetryCallState) -> float:
        asked = _asked_s(state)
        return jitter(state) if asked is None else asked + spread(state)

    def stop(state: RetryCallState) -> bool:
        return stop_after_attempt(tries)(state) or (_asked_s(state) or 0.0) > longest_s

    return Retrying(retry=retry_if_exception(_may_pass), wait=wait, stop=stop, sleep=sleep, reraise=True)


def _may_pass(error: BaseException) -> bool:
    """Where nobody asks for a while, no thread waits for that to be over."""
    return isinstance(error, ModelUnavailable) and not isinstance(error, CircuitOpen)


def _asked_s(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, ModelUnavailable) else None
