"""Attempts to have this server connect where it must not, by names, redirects and certificates, against real servers on loopback.

127.0.0.1 stands for the public internet, by `outbound_allow`; all else of loopback is as private as it is.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
import trustme

from core.errors import AddressRefused, PlayheadError, RemoteTooSlow, RemoteUnavailable, UrlRefused
from core.settings import Settings
from tests.elsewhere import Asked, Elsewhere, elsewhere, plain
from tests.polling import wait_until
from workers.outbound.client import client_of
from workers.outbound.errors import translated
from workers.outbound.reading import Pace, Reading

PUBLIC = Settings(outbound_http=True, outbound_allow=["127.0.0.1/32"])
Row = tuple[int, int, int, str, tuple[Any, ...]]


class Names:
    """A resolver: each name's answers, one after the other, the last of them again and again."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): answers for name, answers in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *rest: int) -> list[Row]:
        self.asked.append(host)
        try:
            return [_row(host, port)]
        except ValueError:
            answers = self.answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_row(address, port) for address in (answers.pop(0) if len(answers) > 1 else answers[0])]


def _row(address: str, port: int) -> Row:
    if ip_address(address).version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)
    return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)


@pytest.fixture
def there() -> Iterator[Elsewhere]:
    with elsewhere(plain()) as server:
        yield server


NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate, which takes no time to load."""


def get(
    url: str,
    names: Callable[..., list[Row]] | None = None,
    *,
    settings: Settings = PUBLIC,
    certificates: ssl.SSLContext = NOBODY,
) -> httpx.Response:
    with client_of(settings, resolver=names, certificates=certificates) as client, translated(url):
        return client.get(url, follow_redirects=True)


def refusal(url: str, names: Callable[..., list[Row]] | None = None, **options: Any) -> PlayheadError:
    with pytest.raises(PlayheadError) as refused:
        get(url, names, **options)
    return refused.value


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "127.0.0.1"])
def test_this_machine_is_not_reached_by_any_of_its_names(there: Elsewhere, host: str) -> None:
    refused = refusal(there.url(host=host), settings=Settings(outbound_http=True))
    assert isinstance(refused, AddressRefused | UrlRefused), "not every resolver takes `localhost.` for a name of this machine"
    assert there.book == []


@pytest.mark.parametrize(
    "answer",
    [
        ["10.0.0.5"],
        ["127.0.0.2"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.5"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:7f00:1::1"],
        ["fd00:ec2::254"],
        ["127.0.0.1", "10.0.0.5"],
        ["10.0.0.5", "127.0.0.1"],
        ["127.0.0.1", "fe80::1"],
    ],
    ids=" and ".join,
)
def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(there: Elsewhere, answer: list[str]) -> None:
    error = refusal(there.url(host="bad.example"), Names(bad_example=[answer]))
    assert isinstance(error, AddressRefused)
    assert there.book == []
    assert not any(address in error.detail for address in answer), "names of a private network are not told"


def test_a_name_that_moves_after_the_check_is_connected_to_where_it_was_checked(there: Elsewhere) -> None:
    names = Names(moving_example=[["127.0.0.1"], ["127.0.0.2"]])
    url = there.url(host="moving.example")
    assert get(url, names).text == "hello"
    assert names.asked == ["moving.example"], "one look-up a connection: the address checked is the address connected to"
    assert there.book[0].headers["host"] == f"moving.example:{there.port}"
    assert isinstance(refusal(url, names), AddressRefused)


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.5/",
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://bad.example:{port}/",
        "http://2130706433:{port}/",
        "http://user:pass@127.0.0.1:{port}/",
        "http://127.0.0.1:25/",
        "https://127.0.0.1:22/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_GET",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_redirect_is_checked_like_the_first_url(there: Elsewhere, location: str) -> None:
    names = Names(good_example=[["127.0.0.1"]], bad_example=[["10.0.0.5"]])
    there.answer = plain(302, location=location.format(port=there.port))
    assert isinstance(refusal(there.url(host="good.example"), names), AddressRefused)
    assert len(there.book) == 1


NO_NAMES = ("xn--a.example", "xn--ls8h.example", "☃.example", "💩.example", "a\u200db.example")


@pytest.mark.parametrize("host", NO_NAMES)
def test_a_host_that_is_no_name_is_not_tried_again(there: Elsewhere, host: str) -> None:
    assert isinstance(refusal(f"http://{host}/"), UrlRefused)
    there.answer = plain(302, location=f"http://{host}/".encode().decode("latin-1"))
    assert isinstance(refusal(there.url()), UrlRefused)
    assert len(there.book) == 1


def test_good_redirects_are_followed_up_to_a_number_of_them(there: Elsewhere) -> None:
    last = plain()
    there.answer = lambda handler, asked: (last if asked.path == "/3" else plain(302, location=f"/{len(there.book)}"))(handler, asked)
    assert get(there.url("/0")).text == "hello"
    assert [asked.path for asked in there.book] == ["/0", "/1", "/2", "/3"]
    there.book.clear()
    there.answer = plain(302, location="/again")
    assert isinstance(refusal(there.url("/0"), settings=PUBLIC.model_copy(update={"outbound_redirects": 2})), UrlRefused)
    assert len(there.book) == 3


def test_nothing_of_one_host_is_taken_to_another(
    there: Elsewhere, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.2:9/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.2:9/")
    caplog.set_level(logging.INFO)
    names = Names(a_example=[["127.0.0.1"]], b_example=[["127.0.0.1"]])
    with client_of(PUBLIC, resolver=names, certificates=NOBODY) as client:
        there.answer = plain(302, location=there.url("/2", host="b.example"), set_cookie="who=you; Domain=example; Path=/")
        client.get(there.url(host="a.example"), headers={"Authorization": "Bearer secret"})
        there.answer = plain(302, location=there.url("/2", host="b.example"))
        with pytest.raises(httpx.TooManyRedirects):
            client.get(there.url("/1", host="a.example"), headers={"Authorization": "Bearer secret"}, follow_redirects=True)
    elsewhere_asked = [asked.headers for asked in there.book if asked.headers["host"].startswith("b.")]
    assert elsewhere_asked
    assert not any({"authorization", "cookie", "referer"} & set(headers) for headers in elsewhere_asked)
    assert not any("cookie" in asked.headers for asked in there.book)


def test_http_is_refused_where_it_is_not_allowed_also_as_a_redirect() -> None:
    strict = Settings(outbound_allow=["127.0.0.1/32"])
    authority = trustme.CA()
    names = Names(good_example=[["127.0.0.1"]])
    with elsewhere(plain()) as open_one, elsewhere(plain(302, location=open_one.url()), tls=_server(authority, "good.example")) as there:
        url = there.url(host="good.example", scheme="https")
        assert isinstance(refusal(open_one.url(), settings=strict), AddressRefused)
        assert isinstance(refusal(url, names, settings=strict, certificates=_client(authority)), AddressRefused)
        assert (len(there.book), len(open_one.book)) == (1, 0)


def test_certificates_are_for_the_name_and_not_for_the_address() -> None:
    authority = trustme.CA()
    names = Names(good_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    with elsewhere(plain(), tls=_server(authority, "good.example")) as there:
        assert get(there.url(host="good.example", scheme="https"), names, certificates=_client(authority)).text == "hello"
        assert there.names == ["good.example"]
        assert there.book[0].headers["host"] == f"good.example:{there.port}"
        other = refusal(there.url(host="other.example", scheme="https"), names, certificates=_client(authority))
        assert isinstance(other, UrlRefused)
        assert "certificate" in other.detail
        unknown = refusal(there.url(host="good.example", scheme="https"), names)
        assert isinstance(unknown, UrlRefused)
        assert len(there.book) == 1


def test_whoever_leaves_leaves_no_thread_that_listens_to_a_drip(there: Elsewhere) -> None:
    authority = trustme.CA()
    told = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        while not told.wait(0.05):
            handler.wfile.write(b"H")

    with elsewhere(drip, tls=_server(authority, "good.example")) as dripping:
        url = dripping.url(host="good.example", scheme="https")
        names = Names(good_example=[["127.0.0.1"]])
        pace = Pace(least=1, patience=timedelta(seconds=0.2))
        with (
            pytest.raises(RemoteTooSlow),
            client_of(PUBLIC, resolver=names, certificates=_client(authority)) as client,
            Reading(client, url, headers={}, beat=lambda: None, pace=pace) as reading,
        ):
            reading.head()
        wait_until(lambda: not any(thread.name == "reading" for thread in threading.enumerate()), "the thread to end", timeout_s=10)
        told.set()


def test_what_can_t_be_had_says_whether_to_try_again(there: Elsewhere) -> None:
    names = Names(good_example=[["127.0.0.1"]])
    assert isinstance(refusal(there.url(host="nobody.example"), names), UrlRefused)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert isinstance(refusal(f"http://good.example:{port}/?secret", names), RemoteUnavailable)
    there.answer = lambda handler, asked: handler.connection.shutdown(socket.SHUT_RDWR)
    broken = refusal(there.url("/?secret"))
    assert isinstance(broken, RemoteUnavailable)
    assert "secret" not in broken.detail


def _server(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _client(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
