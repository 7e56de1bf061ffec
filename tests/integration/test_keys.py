"""Who may come in: keys over REST and on the command line."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, update

from db import keys, workspaces
from db.models import ApiKey
from db.session import Sessions
from tests.integration.conftest import Operator
from tests.polling import wait_until


@pytest.fixture
def anybody(api: httpx.Client) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=api.base_url, timeout=30) as client:
        yield client


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def made(api: httpx.Client, **values: Any) -> dict[str, Any]:
    answer = api.post("/v1/keys", json={"name": "camera 7", "scopes": ["read"], **values})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/keys/{body['id']}"
    return body


def test_a_key_is_shown_once_and_only_its_hash_is_kept(api: httpx.Client, anybody: httpx.Client, sessions: Sessions) -> None:
    new = made(api, scopes=["write", "read", "read"])
    assert new["key"].startswith(new["prefix"])
    assert (new["scopes"], new["last_used_at"], new["expires_at"], new["revoked_at"]) == (["read", "write"], None, None, None)
    assert anybody.get("/v1/videos", headers=with_key(new["key"])).status_code == 200
    told = [api.get(f"/v1/keys/{new['id']}").json(), *api.get("/v1/keys").json()["data"]]
    assert all("key" not in one for one in told)
    assert told[0] == {**{name: value for name, value in new.items() if name != "key"}, "last_used_at": told[0]["last_used_at"]}
    assert told[0]["last_used_at"]
    with sessions.begin() as session:
        row = session.get_one(ApiKey, new["id"])
        assert row.sha256 == hashlib.sha256(new["key"].encode()).digest()
        assert new["key"] not in str(vars(row))


def test_who_asks_is_told_which_key_that_is(api: httpx.Client, anybody: httpx.Client) -> None:
    new = made(api, scopes=["admin"])
    me = anybody.get("/v1/me", headers=with_key(new["key"])).json()
    assert (me["key"]["id"], me["key"]["scopes"], me["workspace"]["name"]) == (new["id"], ["admin"], "default")


def test_a_revoked_key_is_refused_at_once_and_for_good(api: httpx.Client, anybody: httpx.Client) -> None:
    new = made(api)
    assert anybody.get("/v1/me", headers=with_key(new["key"])).status_code == 200
    for _ in range(2):
        assert api.delete(f"/v1/keys/{new['id']}").status_code == 204
        refused = anybody.get("/v1/me", headers=with_key(new["key"]))
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
    revoked = api.get(f"/v1/keys/{new['id']}").json()
    assert revoked["revoked_at"]
    assert api.patch(f"/v1/keys/{new['id']}", json={"name": "again"}).status_code == 409


def test_a_key_that_revokes_itself_is_gone(api: httpx.Client) -> None:
    me = api.get("/v1/me").json()["key"]["id"]
    assert api.delete(f"/v1/keys/{me}").status_code == 204
    assert api.get("/v1/me").status_code == 401


def test_a_key_ends_when_it_was_to_by_the_database_s_clock(api: httpx.Client, anybody: httpx.Client, sessions: Sessions) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    new = made(api, expires_at=later.isoformat())
    assert datetime.fromisoformat(new["expires_at"]) == later
    with sessions.begin() as session:
        soon = func.clock_timestamp() + timedelta(seconds=1)
        session.execute(update(ApiKey).where(ApiKey.id == new["id"]).values(expires_at=soon))
    assert anybody.get("/v1/me", headers=with_key(new["key"])).status_code == 200
    wait_until(lambda: anybody.get("/v1/me", headers=with_key(new["key"])).status_code == 401, "the key to end")
    api.patch(f"/v1/keys/{new['id']}", json={"expires_at": None})
    assert anybody.get("/v1/me", headers=with_key(new["key"])).status_code == 200


def test_scopes_can_be_taken_away(api: httpx.Client, anybody: httpx.Client) -> None:
    new = made(api, scopes=["read", "admin"])
    changed = api.patch(f"/v1/keys/{new['id']}", json={"scopes": ["admin"], "name": "keys alone"}).json()
    assert (changed["scopes"], changed["name"]) == (["admin"], "keys alone")
    refused = anybody.get("/v1/videos", headers=with_key(new["key"]))
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (403, "missing_scope", "read")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2036-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "key": "ph_mine"}, "key"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_the_member(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.post("/v1/keys", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_keys_are_listed_newest_first_in_pages(api: httpx.Client) -> None:
    names = [made(api, name=f"key {number}")["name"] for number in range(3)]
    first = api.get("/v1/keys", params={"limit": 2}).json()
    second = api.get("/v1/keys", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["name"] for key in first["data"] + second["data"]] == [*reversed(names), "tests"]
    assert second["next_cursor"] is None


def test_the_operator_has_workspaces_and_keys_on_the_command_line(operator: Operator, sessions: Sessions) -> None:
    making = ("create", "--name", "mine", "--scope", "read", "--workspace", "team", "--days", "1")
    assert operator(keys.main, *making) == "There is no workspace team. Make it: `python -m db.workspaces create team`."
    workspace_id = operator(workspaces.main, "create", "team")
    assert operator(workspaces.main, "create", "team") == workspace_id
    key = operator(keys.main, *making)
    assert operator(keys.main, "verify", given=key) == ""
    with sessions.begin() as session:
        row = keys.find(session, key)
        assert row
        assert str(row.workspace_id) == workspace_id
        assert row.expires_at
    assert f"{workspace_id}\tteam\t1\t0\t0" in operator(workspaces.main, "list")
    listed = operator(keys.main, "list", "--workspace", "team")
    assert f"{row.id}\t{key[:9]}\tteam\tmine\tread\tyes" in listed
    assert key not in listed
    assert operator(keys.main, "revoke", str(row.id)) == ""
    assert operator(keys.main, "verify", given=key) == "1"
    assert operator(keys.main, "revoke", workspace_id) == f"There is no API key {workspace_id}."
