"""What browsers are told with every answer, and what pages of other origins may ask."""

import asyncio
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from services.api.app import create_app
from services.api.headers import EXPOSED
from standalone import parts
from standalone.processes import free_port
from tests.conftest import serving
from tests.integration.test_keys import with_key
from tests.integration.test_uploads import MP4
from tests.integration.test_uploads_given_up import answers
from tests.polling import wait_until

ORIGIN = "https://app.example"


def test_every_answer_says_what_a_browser_must_not_do_with_it(api: httpx.Client) -> None:
    paths = ["/", "/healthz", "/v1/me", "/v1/videos/none", "/nowhere", "/openapi.json", "/docs", "/redoc"]
    for answer in (*map(api.get, paths), httpx.get(f"{api.base_url}/v1/me"), api.patch("/v1/me")):
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (headers["Referrer-Policy"], headers["X-Frame-Options"]) == ("no-referrer", "DENY")
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert ("script-src" in policy) == (answer.url.path in {"/docs", "/redoc"})
        assert headers["X-Request-Id"]
        assert not headers.keys() & {"server", "strict-transport-security"}


def test_the_docs_load_nothing_that_their_policy_forbids(api: httpx.Client) -> None:
    for path in ("/docs", "/redoc"):
        page = api.get(path).text
        loaded = re.findall(r"""(?:src|href)=["']([^"'#]+)""", page)
        assert loaded
        assert all(address.startswith(("/", "data:")) for address in loaded)


def test_https_alone_is_asked_for_by_setting_and_only_over_https(settings: Settings) -> None:
    with serving(settings.model_copy(update={"hsts": timedelta(days=365)})) as url:
        assert "strict-transport-security" not in httpx.get(f"{url}/healthz").headers
        proxied = httpx.get(f"{url}/healthz", headers={"X-Forwarded-Proto": "https"})
        assert proxied.headers["Strict-Transport-Security"] == "max-age=31536000"
    with serving(settings.model_copy(update={"hsts": timedelta(days=365), "trusted_proxies": ()})) as url:
        assert "strict-transport-security" not in httpx.get(f"{url}/healthz", headers={"X-Forwarded-Proto": "https"}).headers


@pytest.mark.parametrize("trusted", [("127.0.0.0/8",), ()])
def test_addresses_that_a_proxy_names_are_believed_if_it_is_known(settings: Settings, trusted: tuple[str, ...]) -> None:
    few = settings.model_copy(update={"trusted_proxies": trusted, "max_failures_a_minute": 1})
    with serving(few) as url:

        def tried(address: str) -> int:
            return httpx.get(f"{url}/v1/me", headers={**with_key("ph_guess"), "X-Forwarded-For": address}).status_code

        wait_until(lambda: tried("192.0.2.1") == 429, "the one address to be refused")
        assert tried("192.0.2.2") == (401 if trusted else 429)


def test_pages_of_origins_that_are_set_may_ask_and_read_what_they_need(settings: Settings, api_key: str) -> None:
    with serving(settings.model_copy(update={"cors_origins": (ORIGIN,)})) as url, httpx.Client(base_url=url) as client:
        asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,upload-offset,tus-resumable"}
        preflight = client.options("/v1/me", headers={"Origin": ORIGIN, **asked})
        assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
        assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
        assert "upload-offset" in preflight.headers["Access-Control-Allow-Headers"].lower()
        answer = client.get("/v1/me", headers={"Origin": ORIGIN, **with_key(api_key)})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == set(EXPOSED)
        assert client.get("/v1/me", headers={"Origin": ORIGIN}).headers["Access-Control-Allow-Origin"] == ORIGIN, "a 401 can be read too"
        other = {"Origin": "https://evil.example"}
        assert client.options("/v1/me", headers={**other, **asked}).status_code == 400
        assert "access-control-allow-origin" not in client.get("/v1/me", headers={**other, **with_key(api_key)}).headers


def test_such_pages_can_read_that_it_was_a_bug(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": (ORIGIN,)}))

    @app.get("/buggy")
    def buggy() -> None:
        raise ZeroDivisionError

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            return await client.get("/buggy", headers={"Origin": ORIGIN})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
NAMED = (*EXPOSED, "WWW-Authenticate")
"""What the document has to name; the others are the same of whatever is served."""


def answers_of_each_kind(api: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    """For some operations, enough answers to see each of their headers."""
    yield "/v1/me", api.get("/v1/me")
    yield "/v1/me", httpx.get(api.base_url.join("/v1/me"))
    yield from (("/v1/videos", api.post("/v1/videos", content=MP4, headers={"Idempotency-Key": "video"})) for _ in range(2))
    media = f"/v1/videos/{api.get('/v1/videos').json()['data'][0]['id']}/media"
    for asked in ({}, {"Range": "bytes=0-1"}, {"Range": f"bytes={len(MP4)}-"}):
        yield "/v1/videos/{video_id}/media", api.get(media, headers=asked)
    yield "/v1/videos/{video_id}/media", api.head(media)

    size = {"Upload-Length": str(len(MP4))}
    for told in ({**TUS, "Upload-Defer-Length": "1"}, {**TUS, **size, "Upload-Concat": "partial", "Upload-Metadata": "title QQ=="}):
        begun = api.post("/v1/uploads", headers=told)
        yield "/v1/uploads/{upload_id}", api.head(begun.headers["Location"], headers=TUS)
    for _ in range(2):
        whole = api.post("/v1/uploads", content=MP4, headers={**BYTES, **size, "Idempotency-Key": "upload"})
        yield "/v1/uploads", whole
    yield "/v1/uploads/{upload_id}", api.head(whole.headers["Location"], headers=TUS)
    empty = api.post("/v1/uploads", headers={**TUS, **size}).headers["Location"]
    yield "/v1/uploads/{upload_id}", api.patch(empty, content=MP4, headers={**BYTES, "Upload-Offset": "0"})
    yield "/v1/uploads/{upload_id}", api.get(empty)
    yield "/v1/uploads/{upload_id}", api.get("/v1/uploads/none")


def test_headers_are_those_of_the_document(api: httpx.Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    sent, told = defaultdict[str, set[str]](set), {}
    for path, answer in answers_of_each_kind(api):
        method, status = answer.request.method, str(answer.status_code)
        name = f"{method} {path} {status}"
        sent[name] |= {header for header in NAMED if header in answer.headers}
        told[name] = set(paths[path][method.lower()]["responses"][status]["headers"])
    assert len(sent) == 12
    assert sent == told


def test_one_too_many_is_told_as_in_the_document(settings: Settings, api_key: str) -> None:
    few = settings.model_copy(update={"max_requests_a_minute": 1})
    with serving(few) as url, httpx.Client(base_url=url, headers=with_key(api_key)) as client:
        refused = wait_until(lambda: (answer := client.get("/v1/me")).status_code == 429 and answer, "one to be too many")
        told = client.get("/openapi.json").json()["paths"]["/v1/me"]["get"]["responses"]["429"]["headers"]
    assert {header for header in NAMED if header in refused.headers} == set(told)


def test_without_that_setting_no_other_page_may(api: httpx.Client) -> None:
    assert "access-control-allow-origin" not in api.get("/v1/me", headers={"Origin": ORIGIN}).headers


def test_the_log_of_a_run_has_its_requests_and_no_keys_prompts_or_queries(settings: Settings, api_key: str, tmp_path: Path) -> None:
    port = free_port()
    environment: dict[str, Any] = {
        **os.environ,
        "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
        "PLAYHEAD_REDIS_URL": settings.redis_url.get_secret_value(),
        "PLAYHEAD_BLOBS_URL": settings.blobs_url,
        "PLAYHEAD_LOG_LEVEL": "DEBUG",
        "PLAYHEAD_MODEL_API_KEY": "sk-of-the-model",
    }
    command = [sys.executable, *parts.api("127.0.0.1", port)]
    written = tmp_path / "log"
    with written.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            wait_until(lambda: answers(port), "the API to start", timeout_s=90)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=with_key(api_key), timeout=30) as client:
                asked = '{"instructions": "zebra crossing", "event_types": [{"id": "zebra", "description": "zebra crossing"}]}'
                video = client.post("/v1/videos", params={"request": asked, "title": "zebra"}, content=MP4).json()["video"]["id"]
                client.post(f"/v1/videos/{video}/jobs", json={"instructions": 7, "event_types": "zebra"})
                client.get("/v1/events", params={"q": "zebra", "cursor": "zebra"})
                new = client.post("/v1/keys", json={"name": "zebra", "scopes": ["read"]}).json()
                client.get("/v1/videos", headers=with_key(f"{new['key']}x"))
                client.post("/v1/videos", content=b"zebra crossing")
                client.get("/v1/me", headers={"X-Request-Id": "named-by-the-caller"})
        finally:
            process.terminate()
            process.wait(60)
    log = written.read_text()
    for secret in (api_key, new["key"], new["key"][3:20], "sk-of-the-model", "Bearer", "zebra"):
        assert secret not in log
    assert '"request_id": "named-by-the-caller"' in log
    assert f'"path": "/v1/videos/{video}/jobs"' in log
    assert '"status": 401' in log
