"""What it means that a user's URL could not be had. httpx's errors are translated here, as in `workers.model`."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from core.errors import PlayheadError, RemoteUnavailable, UrlRefused

NOBODY = (socket.EAI_NONAME, socket.EAI_NODATA)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Around what is done with a URL. Raises `UrlRefused` for what asking again won't change, else `RemoteUnavailable`; `AddressRefused`
    passes through.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:  # the last where a host is no name
        raise _meaning(error, urlsplit(url).hostname or "") from error


def _meaning(error: Exception, host: str) -> PlayheadError:
    for cause in _causes(error):
        match cause:
            case socket.gaierror() if cause.errno in NOBODY:
                return UrlRefused(f"There is no host named {host}; check the URL.")
            case ssl.SSLCertVerificationError():
                return UrlRefused(f"The certificate of {host} is not valid ({cause.verify_message}).")
            case httpx.TooManyRedirects():
                return UrlRefused(
                    f"{host} redirects more often than is followed (PLAYHEAD_OUTBOUND_REDIRECTS); give the last URL of these."
                )
            case httpx.InvalidURL() | httpx.UnsupportedProtocol() | httpx.LocalProtocolError() | UnicodeError():
                return UrlRefused(f"No request can be made of the URL ({type(cause).__name__}).")
    return RemoteUnavailable(f"{host} can't be reached, or broke off ({type(error).__name__}).")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
