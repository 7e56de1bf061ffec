"""An HTTP client for URLs that users name: it connects to the very address that was checked, and takes nothing along.

Each connection resolves its host once, requires every address of the answer to be public, and goes to one of those; the Host header and the
name that a certificate is for stay the host's. Each redirect is a new URL with all of that again.
"""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from ssrfguard import Policy, Resolver, SSRFGuardError
from ssrfguard.httpx import SafeTransport

from core import addresses
from core.errors import AddressRefused
from core.settings import Settings

USER_AGENT = "Playhead"
CONNECT_S = 10.0
READ_S = 30.0


def client_of(settings: Settings, *, resolver: Resolver | None = None, certificates: ssl.SSLContext | None = None) -> httpx.Client:
    """Safe to share between threads. Follows redirects where it is asked to; what it raises is translated by `errors.translated`.

    It knows no proxies, since those would resolve names themselves, no credentials and no cookies, which are of whoever was asked before.
    `resolver` stands for `socket.getaddrinfo`.
    """
    policy = addresses.policy_of(settings)
    return httpx.Client(
        transport=_Guarded(policy=policy, resolver=resolver, verify=certificates or True, trust_env=False),
        trust_env=False,
        max_redirects=policy.max_redirects,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": USER_AGENT},
        timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
    )


class _Guarded(SafeTransport):
    policy: Policy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        addresses.check(str(request.url), self.policy)
        try:
            return super().handle_request(request)
        except SSRFGuardError as error:
            # The guard's words name the addresses, which are of a network that the asker may not know.
            raise AddressRefused(
                f"{request.url.host} leads to an address that is not public. An operator may allow its network (PLAYHEAD_OUTBOUND_ALLOW)."
            ) from error
