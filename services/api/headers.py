"""Headers that go with every answer: what a browser must not do with it, and how much more may be asked."""

from collections.abc import Mapping

from starlette.types import Scope

from core.settings import Settings
from services.api.turnstile import WINDOW_S, Allowance

DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of the pages at /docs and /redoc, whose first script stands in the page; all they load is this server's."""

POLICIES: Mapping[str, str] = dict.fromkeys(("/docs", "/docs/oauth2-redirect", "/redoc"), DOCS_POLICY)
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of everything else: data, and files that somebody uploaded."""

EXPOSED = (
    "Accept-Ranges",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Playhead-Job-Id",
    "Playhead-Video-Id",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Request-Id",
)
"""What scripts of other origins may read of an answer, where `cors_origins` lets them ask."""


def protective(scope: Scope, settings: Settings) -> dict[str, str]:
    """What every answer carries, unless its route says otherwise. Names are as ASGI has them, in lower case."""
    told = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "content-security-policy": POLICIES.get(scope["path"], POLICY),
        "cache-control": "no-store",
    }
    if settings.hsts and scope["scheme"] == "https":
        told["strict-transport-security"] = f"max-age={int(settings.hsts.total_seconds())}"
    return told


def rate_limit(scope: Scope) -> dict[str, str]:
    """draft-ietf-httpapi-ratelimit-headers-10: the policy, and what is left of it for `t` seconds."""
    allowance: Allowance | None = scope.get("state", {}).get("allowance")
    if allowance is None:
        return {}
    return {
        "ratelimit-policy": f'"requests";q={allowance.limit};w={WINDOW_S}',
        "ratelimit": f'"requests";r={allowance.remaining};t={allowance.reset_s}',
    }
