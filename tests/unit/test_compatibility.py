"""What breaks clients of an API is told, and what is only added is not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.compatibility import breaking

Change = Callable[[dict[str, Any]], object]

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}},
                    {"in": "query", "name": "sort", "schema": {"enum": ["up", "down"], "type": "string"}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/c/Thing"}}}}}},
                "operationId": "list_things",
                "security": [{"Bearer": ["read"]}],
            },
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/c/ThingIn"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/c/Thing"}}}, "headers": {"Location": {}, "ETag": {}}}
                },
            },
        },
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "size"],
                "properties": {
                    "id": {"type": "string"},
                    "kind": {"enum": ["a"], "type": "string"},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                },
            },
            "ThingIn": {
                "type": "object",
                "required": ["size"],
                "properties": {"size": {"type": "number"}, "name": {"type": "string", "maxLength": 9}},
            },
        }
    },
}
THINGS = ("paths", "/things")
GET, POST = (*THINGS, "get"), (*THINGS, "post")
THING, THING_IN = ("components", "schemas", "Thing"), ("components", "schemas", "ThingIn")


def at(document: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


def without(*place: str | int) -> Change:
    return lambda document: at(document, place[:-1]).pop(place[-1])


def put(value: Any, *place: str | int) -> Change:
    return lambda document: at(document, place[:-1]).__setitem__(place[-1], value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without(*THINGS), ["GET /things is gone", "POST /things is gone"]),
        (without(*POST), ["POST /things is gone"]),
        (without(*GET, "parameters", 0), ["GET /things: parameter limit is gone"]),
        (put(True, *GET, "parameters", 0, "required"), ["GET /things: parameter limit is now required"]),
        (put(50, *GET, "parameters", 0, "schema", "maximum"), ["GET /things: parameter limit has a lower maximum"]),
        (put("string", *GET, "parameters", 0, "schema", "type"), ["GET /things: parameter limit may no longer be integer"]),
        (put(["up"], *GET, "parameters", 1, "schema", "enum"), ["GET /things: parameter sort lost the values down"]),
        (put("^a", *GET, "parameters", 1, "schema", "pattern"), ["GET /things: parameter sort has another pattern"]),
        (without(*GET, "responses", "200"), ["GET /things: answer 200 is gone"]),
        (without(*GET, "responses", "200", "content", "application/json"), ["GET /things: answer 200 application/json is gone"]),
        (without(*THING, "properties", "id"), ["GET /things: answer 200[].id is gone", "POST /things: answer 201.id is gone"]),
        (
            put(["id"], *THING, "required"),
            ["GET /things: answer 200[].size may now be missing", "POST /things: answer 201.size may now be missing"],
        ),
        (
            put({"anyOf": [{"type": "string"}, {"type": "null"}]}, *THING, "properties", "id"),
            ["GET /things: answer 200[].id may now be null", "POST /things: answer 201.id may now be null"],
        ),
        (put(["size", "name"], *THING_IN, "required"), ["POST /things: body.name is now required"]),
        (put("integer", *THING_IN, "properties", "size", "type"), ["POST /things: body.size may no longer be number"]),
        (put(5, *THING_IN, "properties", "name", "maxLength"), ["POST /things: body.name has a lower maxLength"]),
        (put(True, *POST, "requestBody", "required"), ["POST /things: a body is now required"]),
        (put("get_things", *GET, "operationId"), ["GET /things: is now called get_things"]),
        (put([{"Bearer": ["admin"]}], *GET, "security"), ["GET /things: the scope admin is now required"]),
        (put([{"Bearer": []}], *POST, "security"), ["POST /things: a key is now required"]),
        (without(*POST, "responses", "201", "headers", "ETag"), ["POST /things: answer 201 header ETag is gone"]),
        (
            without(*POST, "responses", "201", "headers"),
            [f"POST /things: answer 201 header {name} is gone" for name in ("ETag", "Location")],
        ),
        (put(False, *THING_IN, "additionalProperties"), ["POST /things: body may have no other fields now"]),
        (put(["a"], *THING_IN, "properties", "name", "enum"), ["POST /things: body.name may now only be a"]),
    ],
)
def test_what_breaks_is_told_with_its_place(change: Change, told: list[str]) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    assert sorted(breaking(DOCUMENT, new)) == told


@pytest.mark.parametrize(
    "change",
    [
        put({"get": {"responses": {}}}, "paths", "/others"),
        put({"type": "string"}, *THING, "properties", "name"),
        put({"type": "string"}, *THING_IN, "properties", "colour"),
        put({"type": "integer"}, *THING, "properties", "size"),
        put({"anyOf": [{"type": "number"}, {"type": "string"}]}, *THING_IN, "properties", "size"),
        put({"description": "Busy."}, *GET, "responses", "429"),
        put(1000, *GET, "parameters", 0, "schema", "maximum"),
        put(["up", "down", "none"], *GET, "parameters", 1, "schema", "enum"),
        put(["a", "b"], *THING, "properties", "kind", "enum"),
        put(False, *THING, "additionalProperties"),
        put([{"Bearer": []}], *GET, "security"),
        put({}, *GET, "responses", "200", "headers"),
    ],
)
def test_what_is_only_added_or_loosened_breaks_nobody(change: Change) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    assert list(breaking(DOCUMENT, new)) == []
