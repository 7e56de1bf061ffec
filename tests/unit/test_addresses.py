"""Attempts to have this server connect where it must not: those that fail before anything is looked up."""

import pytest

from core import addresses
from core.errors import AddressRefused
from core.settings import Settings

STRICT = addresses.policy_of(Settings())
LOOSE = addresses.policy_of(Settings(outbound_http=True, outbound_allow=["10.1.0.0/16", "fd00:1::/32"]))

REFUSED = {
    "loopback": "https://127.0.0.1/",
    "the rest of loopback": "https://127.8.9.10/",
    "this host": "https://0.0.0.0/",
    "private, class A": "https://10.0.0.1/",
    "private, class B": "https://172.31.255.255/",
    "private, class C": "https://192.168.1.1/",
    "carrier-grade NAT": "https://100.64.0.1/",
    "link-local": "https://169.254.1.1/",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata of containers": "https://169.254.170.2/v2/credentials",
    "metadata of Alibaba": "https://100.100.100.200/",
    "metadata over IPv6": "https://[fd00:ec2::254]/",
    "multicast": "https://224.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "reserved": "https://240.0.0.1/",
    "documentation": "https://203.0.113.7/",
    "benchmarking": "https://198.18.0.1/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 unspecified": "https://[::]/",
    "IPv6 link-local": "https://[fe80::1]/",
    "IPv6 with a zone": "https://[fe80::1%25eth0]/",
    "IPv6 unique local": "https://[fc00::1]/",
    "IPv6 site-local": "https://[fec0::1]/",
    "IPv6 multicast": "https://[ff02::1]/",
    "IPv6 documentation": "https://[2001:db8::1]/",
    "IPv4-mapped loopback": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped in hex": "https://[::ffff:7f00:1]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "6to4 of loopback": "https://[2002:7f00:1::]/",
    "6to4 of metadata": "https://[2002:a9fe:a9fe::1]/",
    "Teredo of a private client": "https://[2001:0:5db8:d822:0:0:f5ff:fffe]/",
    "NAT64 of loopback": "https://[64:ff9b::7f00:1]/",
    "NAT64 of metadata": "https://[64:ff9b::a9fe:a9fe]/",
    "NAT64 of one's own": "https://[64:ff9b:1::1]/",
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal in one": "https://017700000001/",
    "hex": "https://0x7f000001/",
    "hex in parts": "https://0x7f.0.0.0x1/",
    "hex at the end": "https://127.0.0.0x1/",
    "hex with a dot": "https://0x7f000001./",
    "short": "https://127.1/",
    "with a dot": "https://127.0.0.1./",
    "circled digits": "https://①②⑦.⓪.⓪.①/",
    "full-width dots": "https://127。0。0。1/",
    "percent-encoded": "https://%31%32%37.0.0.1/",
    "credentials": "https://user:secret@good.example/",
    "a good name as user": "https://good.example@127.0.0.1/",
    "a good name as user of a good one": "https://good.example@better.example/",
    "a backslash": "https://good.example\\@127.0.0.1/",
    "http": "http://good.example/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://good.example:70/_x",
    "no scheme": "good.example/clip.mp4",
    "scheme-relative": "//good.example/clip.mp4",
    "data": "data:video/mp4;base64,AAAA",
    "no host": "https:///clip.mp4",
    "port 0": "https://good.example:0/",
    "port 22": "https://good.example:22/",
    "port 25": "https://good.example:25/",
    "port beyond": "https://good.example:65536/",
    "port of letters": "https://good.example:secret/",
    "a line break": "https://good.example/\r\nHost: other",
    "a tab in the host": "https://127.0.\t0.1/",
    "a space": "https://good.example /",
    "very long": f"https://good.example/{'a' * 9000}",
    "a very long host": f"https://{'a.' * 200}example/",
    "a long label": f"https://{'a' * 64}.example/",
    "an unclosed bracket": "https://[::1/",
    "a name of a symbol": "https://☃.example/",
    "a name of an emoji": "https://💩.example/",
    "a name with a joiner": "https://a\u200db.example/",
    "Punycode of a control character": "https://xn--a.example/",
    "Punycode of an emoji": "https://xn--ls8h.example/",
    "nothing": "",
}

ALLOWED = (
    "https://good.example/clip.mp4?X-Amz-Signature=abc#t=1",
    "https://good.example./clip.mp4",
    "https://GOOD.example:8443/",
    "https://bücher.example/",
    "https://xn--bcher-kva.example/",
    "https://93.184.216.34/",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://[::ffff:93.184.216.34]/",
    "https://1and1.example/",
    "https://0x7f.example/",
)


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED.keys())
def test_an_attempt_is_refused_without_a_lookup_and_told_without_secrets(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        addresses.check(url, STRICT)
    assert "secret" not in refused.value.detail
    assert len(refused.value.detail) < 600


@pytest.mark.parametrize("url", ALLOWED)
def test_what_is_public_passes(url: str) -> None:
    addresses.check(url, STRICT)


def test_an_operator_allows_networks_and_http_and_nothing_beside_them() -> None:
    for url in ("http://10.1.2.3:9000/", "https://10.1.255.255/", "http://[fd00:1::5]/"):
        addresses.check(url, LOOSE)
    for url in ("http://10.2.0.1/", "http://127.0.0.1/", "http://[::ffff:10.1.2.3]/", "http://10.1.2.3:25/", "ftp://10.1.2.3/"):
        with pytest.raises(AddressRefused):
            addresses.check(url, LOOSE)


def test_a_url_is_shown_without_what_opens_it() -> None:
    shown = addresses.shown("https://me:secret@bucket.example:8443/a/clip.mp4?X-Amz-Signature=secret#secret")
    assert shown == "https://bucket.example:8443/a/clip.mp4"
