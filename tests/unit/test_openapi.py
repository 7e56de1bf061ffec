"""The OpenAPI document says of everything what it is, with an example that holds; whoever relies on what was promised can go on."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from core.settings import Settings
from services.api.app import create_app
from tests import baseline
from tests.compatibility import breaking


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((f"{method.upper()} {path}", operation) for path, methods in document["paths"].items() for method, operation in methods.items())


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is asked for or answered, but for bare bytes."""
    for name, operation in operations(document):
        bodies = {"asked": operation.get("requestBody", {}), **operation["responses"]}
        for kind, body in bodies.items():
            for media_type, content in body.get("content", {}).items():
                if content.get("schema", {}).get("format") != "binary":
                    yield f"{name} {kind} {media_type}", content


def fields(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of the models, and of bodies that have none."""
    inline = [(name, content["schema"]) for name, content in contents(document) if "properties" in content.get("schema", {})]
    for name, schema in [*document["components"]["schemas"].items(), *inline]:
        for field, described in schema.get("properties", {}).items():
            yield f"{name}.{field}", described


def parameters(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            yield f"{name} {parameter['name']}", parameter


def answers(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in operations(document):
        yield from ((f"{name} {status}", answer) for status, answer in operation["responses"].items())


def headers(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that many answers share, and those of one."""
    yield from document["components"]["headers"].items()
    for name, answer in answers(document):
        yield from ((f"{name} {header}", told) for header, told in answer["headers"].items() if "$ref" not in told)


def test_every_operation_parameter_field_answer_and_header_is_described(document: dict[str, Any]) -> None:
    told = [*operations(document), *parameters(document), *fields(document), *answers(document), *headers(document)]
    assert len(told) > 400
    assert [name for name, each in told if each.get("description", "Successful Response") == "Successful Response"] == []


def test_every_parameter_field_header_and_body_has_an_example(document: dict[str, Any]) -> None:
    exemplary = [(name, parameter["schema"]) for name, parameter in parameters(document)]
    exemplary += [(name, header["schema"]) for name, header in headers(document)]
    exemplary += [(name, field) for name, field in fields(document) if field.get("format") != "binary"]
    assert [name for name, schema in exemplary if None in schema.get("examples", [None])] == []
    assert [name for name, content in contents(document) if not content.keys() & {"example", "examples"}] == []


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    def check(name: str, schema: dict[str, Any], value: Any) -> list[str]:
        validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
        return [f"{name}: {error.message}" for error in validator.iter_errors(value)]

    stated = [(name, schema, value) for name, schema in fields(document) for value in schema.get("examples", ())]
    placed = [*parameters(document), *headers(document)]
    stated += [(name, each["schema"], value) for name, each in placed for value in each["schema"]["examples"]]
    for name, content in contents(document):
        values = [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]
        form = {"required": []} if "multipart" in name else {}  # a file has no example in JSON
        stated += [(name, {**content["schema"], **form}, value) for value in values]
    assert [wrong for name, schema, value in stated for wrong in check(name, schema, value)] == []


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, operation in operations(document))
    assert [name for name, times in names.items() if times > 1] == []


def test_every_post_may_be_sent_again(document: dict[str, Any]) -> None:
    posts = {name: operation for name, operation in operations(document) if name.startswith("POST ")}
    told = {name.rpartition(" ")[0] for name, _ in parameters(document) if name.endswith(" Idempotency-Key")}
    assert sorted(posts.keys() - told) == [], "Take a `once.Whole` or a `once.Streamed` (services/api/once.py)."


def test_nothing_breaks_whoever_relies_on_what_was_promised(document: dict[str, Any]) -> None:
    promised = baseline.read()
    advice = "Keep what is there, or name it with the reason in `x-allowed-changes` of docs/openapi.json. What is only added needs neither."
    assert baseline.unallowed(promised, document) == [], advice
    unmade = promised.get(baseline.ALLOWED, {}).keys() - set(breaking(promised, document))
    assert sorted(unmade) == [], "These changes are allowed and were not made."


def test_every_operation_is_promised(document: dict[str, Any]) -> None:
    promised = {name for name, _ in operations(baseline.read())}
    assert [name for name, _ in operations(document) if name not in promised] == [], "`make openapi` writes it down."


def test_the_document_kept_is_that_of_this_version(document: dict[str, Any]) -> None:
    assert baseline.read()["info"]["version"] == document["info"]["version"], (
        "A new version: `make openapi` writes docs/openapi.json again."
    )


def of_version(version: str, *paths: str, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
    document = {"info": {"version": version}, "paths": {path: {"get": {"responses": {}}} for path in paths}}
    return document | {baseline.ALLOWED: dict.fromkeys(allowed, "why")}


def test_a_promise_is_not_overwritten_with_less_unless_that_is_named_or_the_version_is_another() -> None:
    fewer, more = of_version("1", "/a"), of_version("1", "/a", "/b", "/c")
    with pytest.raises(ValueError, match="GET /b is gone"):
        baseline.following(of_version("1", "/a", "/b"), fewer)
    assert baseline.following(of_version("1", "/a", "/b", allowed=("GET /b is gone",)), fewer) == fewer
    assert baseline.following(of_version("0", "/a", "/b"), fewer) == fewer
    assert baseline.following(of_version("1", "/a", "/b"), more) == more
