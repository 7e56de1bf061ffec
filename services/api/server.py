"""How the app is served: uvicorn, with all that it is told."""

import resource
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from core.settings import Settings
from services.api.protocol import protocol

DRAIN_S = 20
"""How long requests under way may take once the process was told to stop, in seconds."""

SPARE_FILES = 256
"""Beside a file for each connection: the pool's, the storage's, the logs'."""


def configuration(app: ASGIApp, settings: Settings, *, drain_s: int = DRAIN_S, **where: Any) -> uvicorn.Config:
    """`where` is what `uvicorn.Config` calls host, port and so on."""
    _allow_files(settings.max_connections + SPARE_FILES)
    return uvicorn.Config(
        app,
        http=protocol(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=drain_s,
        **where,
    )


def _allow_files(wanted: int) -> None:
    """Each connection is an open file, and the usual limit is 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
