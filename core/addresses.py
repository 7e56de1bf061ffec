"""Where this server connects to on a user's word: the rules that need no network.

A URL that passes may be refused later, since only whoever connects knows where its name leads: `workers.outbound` does.
The table of what is not public, and the reading of addresses inside of addresses, are ssrfguard's (docs/decisions).
"""

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import urlsplit, urlunsplit

import httpx
from ssrfguard import BlockedURLError, Policy, SSRFGuardError

from core.errors import AddressRefused
from core.settings import Settings

URL_MAX_LENGTH = 8192
"""Where the usual servers stop reading a request line; signed URLs are long."""

ANY_PORT = range(1, 65536)
LOW_PORTS = frozenset({80, 443})
FIRST_HIGH_PORT = 1024
"""Below it are mail, remote shells and the like, which answer to nobody's video; services of people's own are above."""

NUMBER = re.compile(r"(?:\A|\.)(?:0x[0-9a-f]*|[0-9]+)\.?\Z")
"""The last label of what resolvers read as an IPv4 address, in decimal, octal or hex (URL Standard, "ends in a number")."""


def policy_of(settings: Settings) -> Policy:
    """What may be reached; the ports are held by `check`."""
    return _policy(settings.outbound_http, settings.outbound_allow, settings.outbound_redirects)


@lru_cache(maxsize=8)
def _policy(http: bool, allow: tuple[IPv4Network | IPv6Network, ...], redirects: int) -> Policy:
    return Policy(
        allowed_schemes=frozenset({"https", "http"} if http else {"https"}),
        allowed_networks=allow,
        allowed_ports=frozenset(ANY_PORT),
        max_redirects=redirects,
        max_url_length=URL_MAX_LENGTH,
    )


def check(url: str, policy: Policy) -> None:
    """Raises `AddressRefused` for what can be told without asking where the host's name leads."""
    try:
        target = policy.check_url(url)
        _ = httpx.URL(url).host  # it takes fewer names than the guard does: those of IDNA 2008
    except (SSRFGuardError, httpx.InvalidURL, UnicodeError) as error:
        raise AddressRefused(f"The URL {_reason(error)}. {_rule(policy)}") from error
    if target.port not in LOW_PORTS and target.port < FIRST_HIGH_PORT:
        raise AddressRefused(f"Port {target.port} is not connected to; 80, 443, and those from {FIRST_HIGH_PORT} on are.")
    if target.address is None and NUMBER.search(target.host):
        raise AddressRefused(f"The URL's host is a number in disguise. {_rule(policy)}")


def shown(url: str) -> str:
    """The URL as it may be stored where others read it, and logged: without credentials, query and fragment, since signed URLs are keys."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _rule(policy: Policy) -> str:
    return f"What is connected to are {' and '.join(sorted(policy.allowed_schemes))} URLs without credentials, of public addresses."


def _reason(error: Exception) -> str:
    """The guard's own words, but for those that quote what could not be read: it may be a password."""
    if not isinstance(error, BlockedURLError) or type(error.__cause__) is ValueError:
        return "can't be read"
    return f"is refused: {error.reason}"
