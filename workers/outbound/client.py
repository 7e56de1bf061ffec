"""An HTTP client for URLs that users name: it connects to the very address that was checked, and takes nothing along.

Each connection resolves its host once, requires every address of the answer to be public, and goes to one of those; the Host header and the
name that a certificate is for stay the host's. Each redirect is a new URL with all of that again.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
from ssrfguard import Policy, Resolver, SSRFGuardError
from ssrfguard.httpx import SafeTransport

from core import addresses
from core.errors import AddressRefused
from core.settings import Settings

USER_AGENT = "Playhead"
CONNECT_S = 5.0
READ_S = 30.0


def client_of(settings: Settings, *, resolver: Resolver | None = None, certificates: ssl.SSLContext | None = None) -> httpx.Client:
    """A client for one exchange. Follows redirects where it is asked to; what it raises is translated by `errors.translated`.

    It knows no proxies, since those would resolve names themselves, no credentials and no cookies, which are of whoever was asked before.
    Close it to walk away, from whatever thread. `resolver` stands for `socket.getaddrinfo`.
    """
    policy = addresses.policy_of(settings)
    return httpx.Client(
        transport=_Guarded(policy, resolver, certificates or _certificates()),
        trust_env=False,
        max_redirects=policy.max_redirects,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": USER_AGENT},
        timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
    )


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Those that the operator trusts; to read them takes longer than an exchange."""
    return httpx.create_ssl_context()


class _Guarded(SafeTransport):
    policy: Policy

    def __init__(self, policy: Policy, resolver: Resolver | None, certificates: ssl.SSLContext) -> None:
        super().__init__(policy=policy, resolver=resolver, verify=certificates, trust_env=False)
        self._handles: list[socket.socket] = []
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        addresses.check(str(request.url), self.policy)
        request.extensions = {**request.extensions, "trace": self._note}
        try:
            return super().handle_request(request)
        except SSRFGuardError as error:
            # The guard's words name the addresses, which are of a network that the asker may not know.
            raise AddressRefused(
                f"{request.url.host} leads to an address that is not public. An operator may allow its network (PLAYHEAD_OUTBOUND_ALLOW)."
            ) from error

    def close(self) -> None:
        """Another thread may be waiting for bytes, for as long as a drip takes. It is woken, and closes its connection itself: closed from
        here, it would go on to read from whatever gets the number of its descriptor next.
        """
        self._is_closed = True
        self._shut_down()
        for connection in self._pool.connections:
            if connection.is_idle():
                connection.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note(self, event: str, told: Mapping[str, Any]) -> None:
        """Keep a handle of each connection (httpcore's extension `trace`). TLS takes the socket itself away."""
        if event == "connection.connect_tcp.complete":
            self._handles.append(told["return_value"].get_extra_info("socket").dup())
            if self._is_closed:
                self._shut_down()

    def _shut_down(self) -> None:
        while self._handles:
            with self._handles.pop() as handle, suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
