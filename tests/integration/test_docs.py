"""What people see first in a browser, on a machine that may have no internet."""

import re

import httpx


def test_the_docs_load_everything_they_need_from_this_server(api: httpx.Client) -> None:
    for page in ("/docs", "/redoc"):
        shown = api.get(page)
        assert shown.status_code == 200
        needed = re.findall(r"""(?:<script[^>]+src|<link[^>]+href|url)[=:] ?["']([^"']+)["']""", shown.text)
        assert any(address.endswith(".js") for address in needed)
        for address in needed:
            assert address.startswith("/"), address
            assert api.get(address).status_code == 200
    assert len(api.get("/static-offline-docs/swagger-ui-bundle.js").content) > 500_000


def test_the_reference_says_what_the_most_that_second_looks_cost_is_not(api: httpx.Client) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    for name in ("EstimateOut", "PassOut"):
        assert "second looks beyond the rule of thumb" in schemas[name]["properties"]["at_most_usd"]["description"]


def test_the_root_says_where_things_are_without_a_key(api: httpx.Client) -> None:
    hello = httpx.get(api.base_url).json()
    assert hello["name"] == "Playhead"
    for place in ("docs", "openapi", "ready"):
        assert httpx.get(api.base_url.join(hello[place])).status_code in {200, 503}
