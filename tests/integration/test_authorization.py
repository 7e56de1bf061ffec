"""Every route, as the OpenAPI document has it, is tried with no key, bad keys, a key without the scope and another workspace's key.

No route is named here: a new one is walked by itself, and a new path parameter has its place in `belongings.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, update

from core.settings import Settings
from db import keys
from db.keys import SCOPES, Scope
from db.models import ApiKey
from db.session import Sessions
from services.api.app import create_app
from tests.conftest import serving
from tests.integration.belongings import MAKERS, WORDS, Owner

PUBLIC = {"/", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/static-offline-docs"}
"""What may be asked without a key. Nothing else may, but for what says how uploads are done."""

PROTOCOL = {("OPTIONS", "/v1/uploads")}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    scopes: frozenset[str]
    places: tuple[str, ...]
    asked: tuple[str, ...]
    headers: Mapping[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and not self.places

    def send(self, client: httpx.Client, ids: dict[str, str], authorization: str | None) -> httpx.Response:
        """What comes back of it; of an answer without an end, the beginning."""
        headers = {name: value.encode("latin-1") for name, value in self.headers.items()}
        if authorization is not None:
            headers["Authorization"] = authorization.encode("latin-1")
        address = self.path.format(**WORDS, **ids)
        query = {name: ids[name] for name in self.asked}
        with client.stream(self.method, address, params=query, json=self.body, headers=headers) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer


def code(answer: httpx.Response) -> str | None:
    """The problem's; None where a HEAD is answered, which has no body."""
    return None if answer.request.method == "HEAD" else answer.json()["code"]


def _operations() -> list[Operation]:
    """Those of the document that want a key. Of query and headers, what is required is given; they and the bodies are the document's
    examples.
    """
    document = create_app(Settings()).openapi()
    return [
        Operation(
            method=method.upper(),
            path=path,
            scopes=frozenset(scope for way in said["security"] for scopes in way.values() for scope in scopes),
            places=tuple(each["name"] for each in said.get("parameters", ()) if each["in"] == "path"),
            asked=tuple(each["name"] for each in said.get("parameters", ()) if each["in"] == "query" and each.get("required")),
            headers={
                each["name"]: str(each["schema"]["examples"][0])
                for each in said.get("parameters", ())
                if each["in"] == "header" and each.get("required")
            },
            body=said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example"),
        )
        for path, methods in document["paths"].items()
        for method, said in methods.items()
        if "security" in said
    ]


OPERATIONS = _operations()


@dataclass
class Two:
    """Two workspaces on one server, one of them with something of everything."""

    client: httpx.Client
    mine: Owner
    theirs: Owner


@pytest.fixture
def two(settings: Settings, sessions: Sessions) -> Iterator[Two]:
    patient = settings.model_copy(update={"max_failures_a_minute": 0})
    with serving(patient) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield Two(client, *(Owner(name, sessions, settings) for name in ("mine", "theirs")))


def test_every_route_is_either_in_the_document_or_public() -> None:
    app = create_app(Settings())
    walked = {(operation.method, operation.path) for operation in OPERATIONS}
    routes = {(method, str(route.path)) for route in iter_route_contexts(app.routes) for method in route.methods or {"GET"}}
    assert {(method, path) for method, path in routes - walked - PROTOCOL if path not in PUBLIC} == set()
    assert {path for path in app.openapi()["paths"] if path in PUBLIC} == {"/healthz", "/readyz"}


def test_every_path_parameter_has_something_to_stand_for() -> None:
    unknown = {place for operation in OPERATIONS for place in (*operation.places, *operation.asked)} - {*MAKERS, *WORDS}
    assert unknown == set(), "What these name is made in tests/integration/belongings.py."


def test_every_operation_wants_one_scope_that_exists_or_any_key() -> None:
    assert {operation.path for operation in OPERATIONS if not operation.scopes} == {"/v1/me"}
    assert {scope for operation in OPERATIONS for scope in operation.scopes} == set(SCOPES)


def _bad(owner: Owner) -> dict[str, str | None]:
    """Ways not to be known."""
    unknown, revoked, expired = (owner.key() for _ in range(3))
    with owner.sessions.begin() as session:
        gone = {revoked: {"revoked_at": func.clock_timestamp()}, expired: {"expires_at": func.clock_timestamp() - timedelta(seconds=1)}}
        for key, values in gone.items():
            session.execute(update(ApiKey).where(ApiKey.sha256 == keys.digest(key)).values(**values))
    return {
        "no key": None,
        "no scheme": owner.key(),
        "another scheme": f"Basic {owner.key()}",
        "an empty key": "Bearer",
        "a malformed key": "Bearer nonsense \xff' OR 1=1",
        "an unknown key": f"Bearer {unknown[:-1]}{'A' if unknown[-1] != 'A' else 'B'}",
        "a revoked key": f"Bearer {revoked}",
        "an expired key": f"Bearer {expired}",
    }


def test_nobody_gets_in_without_a_valid_key(two: Two) -> None:
    ids = two.mine.ids()
    for what, authorization in _bad(two.mine).items():
        for operation in OPERATIONS:
            answer = operation.send(two.client, ids, authorization)
            assert (answer.status_code, code(answer)) in {(401, "invalid_api_key"), (401, None)}, f"{operation} with {what}"
            assert answer.headers["www-authenticate"] == "Bearer"
    two.client.headers["Authorization"] = f"Bearer {two.mine.key()}"
    assert two.client.get(f"/v1/videos/{ids['video_id']}").status_code == 200, "and nothing was done"


def test_a_key_does_what_its_scopes_say_and_nothing_else(two: Two) -> None:
    for operation in OPERATIONS:
        others: list[Scope] = [scope for scope in SCOPES if scope not in operation.scopes]
        if operation.scopes:
            answer = operation.send(two.client, two.mine.ids(), f"Bearer {two.mine.key(*others)}")
            assert (answer.status_code, code(answer)) in {(403, "missing_scope"), (403, None)}, operation
            assert operation.method == "HEAD" or {answer.json()["scope"]} == operation.scopes
        granted = [scope for scope in SCOPES if scope in operation.scopes] or ["read"]
        answer = operation.send(two.client, two.mine.ids(), f"Bearer {two.mine.key(*granted)}")
        assert answer.status_code not in {401, 403, 404, *range(500, 600)}, f"{operation}: {answer.text}"
        two.mine.has.clear()  # it may be deleted or changed now


def test_what_is_another_workspace_s_is_not_there(two: Two) -> None:
    mine, theirs, key = two.mine.ids(), two.theirs.ids(), f"Bearer {two.mine.key()}"
    for operation in OPERATIONS:
        for place in (*operation.places, *operation.asked):
            if place in MAKERS:
                answer = operation.send(two.client, {**mine, place: theirs[place]}, key)
                assert (answer.status_code, code(answer)) in {(404, "not_found"), (404, None)}, (
                    f"{operation} with their {place}: {answer.text}"
                )
                two.mine.has.clear()
                mine = two.mine.ids()
    for operation in OPERATIONS:  # nothing was done to them
        if operation.method == "GET":
            answer = operation.send(two.client, theirs, f"Bearer {two.theirs.key()}")
            assert answer.status_code in {200, 206}, f"{operation}: {answer.text}"


def test_lists_show_nothing_of_another_workspace(two: Two) -> None:
    theirs = two.theirs.ids()
    for operation in OPERATIONS:
        if operation.is_list:
            shown = operation.send(two.client, theirs, f"Bearer {two.theirs.key()}").text
            assert "of theirs" in shown or any(made in shown for made in theirs.values()) or operation.path == "/v1/me"
            filters: list[dict[str, str]] = [{}, *({name: made} for name, made in theirs.items())]
            for query in filters:
                answer = two.client.get(operation.path, params=query, headers={"Authorization": f"Bearer {two.mine.key()}"})
                assert answer.status_code in {200, 404, 422}, f"{operation} {query}"
                leaked = [made for name, made in theirs.items() if made in answer.text and name not in query]
                assert (leaked, "of theirs" in answer.text) == ([], False), f"{operation} {query}"
