"""How often a key may come, and how much it may do; and that strangers who try keys are not looked at for ever."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from core.errors import QuotaExceeded
from core.settings import Settings
from db import jobs, keys, quotas, workspaces
from db.models import Job, Video
from db.session import Sessions
from services.api.door import network
from services.api.turnstile import Turnstile
from tests.conftest import serving
from tests.integration import rows
from tests.integration.conftest import Operator
from tests.integration.test_keys import with_key
from tests.integration.test_uploads import MP4
from tests.polling import wait_until


@contextmanager
def client(settings: Settings, api_key: str, **changed: Any) -> Iterator[httpx.Client]:
    """Of a server with other limits."""
    with serving(settings.model_copy(update=changed)) as url, httpx.Client(base_url=url, headers=with_key(api_key), timeout=30) as made:
        yield made


def told(answer: httpx.Response) -> tuple[int, int]:
    """What is left, and for how many seconds."""
    found = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found
    return int(found[1]), int(found[2])


def test_every_answer_tells_what_is_left_and_one_too_many_when_to_come_back(settings: Settings, api_key: str) -> None:
    with client(settings, api_key, max_requests_a_minute=3) as api:
        answers = [api.get(path) for path in ("/v1/me", "/v1/videos", f"/v1/videos/{Job.__name__}", "/v1/me")]
        while answers[-1].status_code != 429:  # a minute began meanwhile
            answers.append(api.get("/v1/me"))
        *passed, refused = answers[-4:]
        assert [answer.status_code for answer in passed] == [200, 200, 422] or len(answers) > 4
        assert [told(answer)[0] for answer in passed] == [2, 1, 0]
        assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=3;w=60'}
        assert (refused.json()["code"], refused.headers["content-type"]) == ("rate_limited", "application/problem+json")
        assert 0 < int(refused.headers["Retry-After"]) == told(refused)[1] <= 60
        assert api.get("/healthz").status_code == 200


def test_without_a_limit_nothing_is_said_of_one(settings: Settings, api_key: str) -> None:
    with client(settings, api_key, max_requests_a_minute=0) as api:
        answer = api.get("/v1/me")
        assert not answer.headers.keys() & {"ratelimit", "ratelimit-policy"}
        assert set(answer.json()["limits"].values()) == {None}


def test_a_key_s_own_limits_stand_for_the_server_s(settings: Settings, api_key: str, operator: Operator) -> None:
    with client(settings, api_key, max_jobs_a_day=9) as api:
        me = api.get("/v1/me").json()
        assert (me["limits"]["max_requests_a_minute"], me["limits"]["max_jobs_a_day"]) == (6000, 9)
        assert operator(keys.main, "limit", me["key"]["id"], "--max-requests-a-minute", "50", "--max-jobs-a-day", "0") == ""
        operator(workspaces.main, "limit", "default", "--max-open-jobs", "7")
        wait_until(lambda: api.get("/v1/me").headers["RateLimit-Policy"] == '"requests";q=50;w=60', "the key to be looked up again")
        limits = api.get("/v1/me").json()["limits"]
        assert [limits[name] for name in ("max_requests_a_minute", "max_jobs_a_day", "max_open_jobs")] == [50, None, 7]
        operator(keys.main, "limit", me["key"]["id"])
        wait_until(lambda: api.get("/v1/me").headers["RateLimit-Policy"] == '"requests";q=6000;w=60', "the server's own limit")


def test_processes_share_what_they_count(settings: Settings) -> None:
    with ExitStack() as stack:
        one, other = (Turnstile(settings) for _ in range(2))
        stack.callback(one.close)
        stack.callback(other.close)
        for _ in range(30):
            one.enter("key:1", limit=100)

        def knows_of_the_other() -> bool:
            return other.enter("key:1", limit=100).remaining < 70

        wait_until(knows_of_the_other, "the one's count to reach the other")


@pytest.fixture
def frozen() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_each_process_counts_for_itself_while_redis_is_away_or_frozen(settings: Settings, api_key: str, frozen: int) -> None:
    for port in (1, frozen):
        away = SecretStr(f"redis://127.0.0.1:{port}/0")
        with client(settings, api_key, redis_url=away, max_requests_a_minute=20) as api:
            answers = [api.get("/v1/me", timeout=2).status_code for _ in range(50)]
            assert answers[0] == 200
            assert 429 in answers


def test_an_address_that_tries_keys_is_refused_but_whoever_shares_it_is_not(settings: Settings, api_key: str) -> None:
    with client(settings, api_key, max_failures_a_minute=5) as api:
        assert api.get("/v1/me").status_code == 200

        def strange() -> httpx.Response:
            return httpx.get(f"{api.base_url}/v1/me", headers=with_key("ph_guess"))

        answers = [strange() for _ in range(12)]
        assert answers[0].status_code == 401
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {answer.json()["code"] for answer in refused} == {"rate_limited"}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        assert api.get("/v1/me").status_code == 200
        assert httpx.get(f"{api.base_url}/v1/me").status_code == 401, "no key is no try"


def test_addresses_go_by_what_one_caller_has_of_them() -> None:
    assert network("::ffff:10.0.0.1") == network("10.0.0.1") == "10.0.0.1"
    assert network("2001:db8::1") == network("2001:db8::ffff:2") == "2001:db8::/64"
    assert network("2001:db8:0:1::1") != network("2001:db8::1")
    assert (network(None), network("unix")) == ("", "unix")


def test_a_day_s_uploads_and_jobs_are_counted_by_key(settings: Settings, api_key: str) -> None:
    with client(settings, api_key, max_uploads_a_day=2, max_jobs_a_day=3) as api:
        taken = [api.post("/v1/videos", content=MP4) for _ in range(3)]
        assert [answer.status_code for answer in taken] == [202, 202, 429]
        problem = taken[2].json()
        assert (problem["code"], problem["quota"], problem["limit"]) == ("quota_exceeded", "max_uploads_a_day", 2)
        assert 0 < int(taken[2].headers["Retry-After"]) <= 86_400
        asked = [api.post(f"/v1/videos/{taken[0].json()['video']['id']}/jobs") for _ in range(2)]
        assert [answer.status_code for answer in asked] == [202, 429]
        assert asked[1].json()["quota"] == "max_jobs_a_day"
        other = api.post("/v1/keys", json={"name": "other", "scopes": ["write"]}).json()["key"]
        assert api.post("/v1/videos", content=MP4, headers=with_key(other)).status_code == 202


def test_a_quota_holds_however_many_spend_at_once(sessions: Sessions, api_key: str) -> None:
    workspace_id = rows.workspace(sessions)
    with sessions.begin() as session:
        key_id = keys.issue(session, workspace_id, name="many", scopes=["write"]).row.id

    def spend(_: int) -> bool:
        try:
            with sessions.begin() as session:
                quotas.spend(session, key_id, "jobs", limit=5)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(20))) == 5


def test_so_many_jobs_of_a_workspace_are_open_at_a_time(settings: Settings, sessions: Sessions, api_key: str) -> None:
    with client(settings, api_key, max_open_jobs=1) as api:
        first = api.post("/v1/videos", content=MP4).json()
        again = api.post(f"/v1/videos/{first['video']['id']}/jobs")
        assert (again.status_code, again.json()["quota"]) == (429, "max_open_jobs")
        assert api.post("/v1/videos", content=MP4).status_code == 429
        with sessions.begin() as session:
            assert session.scalar(select(func.count()).select_from(Video)) == 1, "what was refused left nothing"
            jobs.cancel(session, session.get_one(Job, first["job"]["id"]).workspace_id, first["job"]["id"])
            session.get_one(Job, first["job"]["id"]).completed_at = func.clock_timestamp()
        assert api.post(f"/v1/videos/{first['video']['id']}/jobs").status_code == 202


def test_a_workspace_stores_so_many_bytes(settings: Settings, api_key: str) -> None:
    with client(settings, api_key, max_stored_bytes=len(MP4) * 2) as api:
        taken = [api.post("/v1/videos", content=MP4) for _ in range(2)]
        assert [answer.status_code for answer in taken] == [202, 202]
        for body in ({"content": MP4}, {"files": {"file": ("v.mp4", MP4)}}, {"content": iter([MP4])}):
            full = api.post("/v1/videos", **body)  # type: ignore[arg-type]
            assert (full.status_code, full.json()["code"]) == (409, "workspace_full")
        assert api.delete(f"/v1/videos/{taken[0].json()['video']['id']}").status_code == 204
        assert api.post("/v1/videos", content=MP4).status_code == 202
