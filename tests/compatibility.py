"""What of one OpenAPI document is no longer so in another: pure. What is only added breaks nobody: no field, and no value of one."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

LOWER, UPPER = ("minimum", "exclusiveMinimum", "minLength", "minItems"), ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaking(old: Json, new: Json) -> Iterator[str]:
    """Each change that a client of the old document may trip over: `GET /v1/videos: parameter limit is gone`."""
    compare = _Comparison(old, new)
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{name} is gone"
            else:
                yield from (f"{name}: {change}" for change in compare.operation(operation, now))


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new

    def operation(self, old: Json, new: Json) -> Iterator[str]:
        if new.get("operationId") != old.get("operationId"):
            yield f"is now called {new.get('operationId')}"
        if new.get("security") and not old.get("security"):
            yield "a key is now required"
        yield from (f"the scope {scope} is now required" for scope in sorted(_scopes(new) - _scopes(old)))
        yield from self._parameters(old, new)
        asked, asks = old.get("requestBody", {}), new.get("requestBody", {})
        if asks.get("required") and not asked.get("required"):
            yield "a body is now required"
        yield from self._contents(asked, asks, "body", asked=True)
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"answer {status} is gone"
            else:
                now = new["responses"][status]
                yield from (
                    f"answer {status} header {name} is gone" for name in answer.get("headers", {}) if name not in now.get("headers", {})
                )
                yield from self._contents(answer, now, f"answer {status}", asked=False)

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        before, now = ({(each["in"], each["name"]): each for each in one.get("parameters", ())} for one in (old, new))
        for key, parameter in before.items():
            if key not in now:
                yield f"parameter {key[1]} is gone"
            else:
                yield from self._schema(parameter["schema"], now[key]["schema"], f"parameter {key[1]}", asked=True)
        for key, parameter in now.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"parameter {key[1]} is now required"

    def _contents(self, old: Json, new: Json, name: str, *, asked: bool) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{name} {media_type} is gone"
            else:
                yield from self._schema(content.get("schema", {}), new["content"][media_type].get("schema", {}), name, asked=asked)

    def _schema(self, old: Json, new: Json, name: str, *, asked: bool) -> Iterator[str]:
        """`asked`: the client writes it; otherwise it reads it."""
        was, now = _kinds(self._old, old), _kinds(self._new, new)
        stricter, looser = (was, now) if asked else (now, was)
        if lost := sorted(kind for kind in stricter if not _accepts(kind, looser)):
            yield f"{name} {'may no longer be' if asked else 'may now be'} {', '.join(lost)}"
        for kind in was.keys() & now.keys():
            yield from self._kind(was[kind], now[kind], name, asked=asked)

    def _kind(self, old: Json, new: Json, name: str, *, asked: bool) -> Iterator[str]:
        if "enum" in old and (lost := [value for value in old["enum"] if value not in new.get("enum", [value])]):
            yield f"{name} lost the values {', '.join(map(str, lost))}"
        if asked:
            yield from self._bounds(old, new, name)
            if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
                yield f"{name} may have no other fields now"
            if "enum" in new and "enum" not in old:
                yield f"{name} may now only be {', '.join(map(str, new['enum']))}"
        if "items" in old and "items" in new:
            yield from self._schema(old["items"], new["items"], f"{name}[]", asked=asked)
        if isinstance(old.get("additionalProperties"), dict) and isinstance(new.get("additionalProperties"), dict):
            yield from self._schema(old["additionalProperties"], new["additionalProperties"], f"{name}{{}}", asked=asked)
        before, now = old.get("properties", {}), new.get("properties", {})
        yield from (f"{name}.{field} is gone" for field in before if field not in now)
        for field in before.keys() & now.keys():
            yield from self._schema(before[field], now[field], f"{name}.{field}", asked=asked)
        needed, given = set(old.get("required", ())), set(new.get("required", ()))
        if asked:
            yield from (f"{name}.{field} is now required" for field in given - needed)
        else:
            yield from (f"{name}.{field} may now be missing" for field in needed - given if field in now)

    @staticmethod
    def _bounds(old: Json, new: Json, name: str) -> Iterator[str]:
        for bound in LOWER:
            if new.get(bound, float("-inf")) > old.get(bound, float("-inf")):
                yield f"{name} has a higher {bound}"
        for bound in UPPER:
            if new.get(bound, float("inf")) < old.get(bound, float("inf")):
                yield f"{name} has a lower {bound}"
        if "pattern" in new and new["pattern"] != old.get("pattern"):
            yield f"{name} has another pattern"


def _scopes(operation: Json) -> set[str]:
    return {scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}


def _kinds(document: Json, schema: Json) -> dict[str, Json]:
    """Type -> what is said of it, references followed and alternatives apart: a model goes by its type as the others do."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _kinds(document, document["components"]["schemas"][name])
    if alternatives := schema.get("anyOf", schema.get("oneOf")):
        return {kind: said for each in alternatives for kind, said in _kinds(document, each).items()}
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    said = {**schema, "enum": values} if values is not None else schema
    types = schema.get("type", "anything")
    formatted = f" {schema['format']}" if "format" in schema else ""
    return {f"{kind}{formatted}": said for kind in (types if isinstance(types, list) else [types])}


def _accepts(kind: str, kinds: dict[str, Json]) -> bool:
    return kind in kinds or "anything" in kinds or (kind == "integer" and "number" in kinds) or kind.partition(" ")[0] in kinds
