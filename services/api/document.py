"""The OpenAPI document, made whole: every field, parameter and answer described and with an example, and what a list leads to.

What a route or a model says of itself stands; the rest comes from the glossary, or is made of the parts.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from core.errors import PlayheadError
from services.api.glossary import Term, term
from services.api.once import HEADER, REPLAYED
from services.api.problems import MEDIA_TYPE, Problem
from services.api.tus.headers import PREFIX

Json = dict[str, Any]

BINARY: Json = {"type": "string", "format": "binary"}
"""The schema of bytes."""

REF = "#/components/schemas/"
HEADERS = "#/components/headers/"
UNDESCRIBED = "Successful Response"
"""What the framework says of an answer that nobody described."""


def install(app: FastAPI) -> None:
    """Have the app answer with the document that is made whole."""
    generate = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = whole(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def whole(document: Json) -> Json:
    """The document with what is missing filled in, in place."""
    schemas = document["components"]["schemas"]
    # FastAPI puts only those models in that are answered as plain JSON.
    problem = Problem.model_json_schema(ref_template=f"{REF}{{model}}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    teller = _Teller(schemas)
    shared: Json = {}
    for name in schemas:
        teller.tell_fields(name)
    for path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            teller.tell_parameter(parameter)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            teller.tell_content(content)
        for scope in _scopes(operation):
            operation["responses"]["403"] = {**operation["responses"]["403"], "description": f"The API key lacks the scope `{scope}`."}
        for status, answer in operation["responses"].items():
            teller.tell_answer(int(status), answer)
            teller.tell_headers(answer)
            common = list(_common_headers(path, operation, int(status)))
            shared |= {name: {} for name in common}
            answer["headers"] |= {name: {"$ref": f"{HEADERS}{name}"} for name in common}
            _link(document, path, answer)
    teller.tell_headers({"headers": shared})
    document["components"]["headers"] = shared
    return document


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Each operation with its path."""
    return ((path, operation) for path, methods in document["paths"].items() for operation in methods.values())


class _Teller:
    def __init__(self, schemas: Json) -> None:
        self._schemas = schemas

    def tell_fields(self, model: str) -> None:
        self._tell_properties(model, self._schemas[model])

    def _tell_properties(self, model: str, schema: Json) -> None:
        for name, field in schema.get("properties", {}).items():
            known = term(name, of=model)
            if "const" in field:
                field.setdefault("description", f"Always `{field['const']}`.")
            if known:
                field.setdefault("description", known.description)
            if "examples" not in field and (example := self._exemplary(field, known)) is not None:
                field["examples"] = [example]

    def tell_parameter(self, parameter: Json) -> None:
        """The example lies in its schema: beside it, the page of the docs would fill it in for everybody."""
        schema, known = parameter["schema"], term(parameter["name"])
        if known:
            parameter.setdefault("description", known.description)
        schema.pop("description", None)
        if "examples" not in schema:
            schema["examples"] = [self._exemplary(schema, known)]

    def tell_content(self, content: Json) -> None:
        schema = content.get("schema", {})
        if "properties" in schema:
            self._tell_properties("", schema)
        if not content.keys() & {"example", "examples"} and (made := self._example(schema)) is not None:
            content["example"] = made

    def tell_answer(self, status: int, answer: Json) -> None:
        for media_type, content in answer.get("content", {}).items():
            if answer["description"] == UNDESCRIBED:
                answer["description"] = self._summary(content.get("schema", {})) or UNDESCRIBED
            if media_type == MEDIA_TYPE:
                content["example"] = {**self._example({"$ref": f"{REF}Problem"}), **_problem(status), "detail": answer["description"]}
            else:
                self.tell_content(content)

    def tell_headers(self, answer: Json) -> None:
        """A route may say no more of them than their names."""
        model = next((_model(content.get("schema", {})) for content in answer.get("content", {}).values()), "")
        for name, header in answer.setdefault("headers", {}).items():
            known = term(name, of=model)
            assert known, f"{name} is not in the glossary"
            header.setdefault("description", known.description)
            header.setdefault("schema", {"type": "integer" if isinstance(known.example, int) else "string", "examples": [known.example]})

    def _summary(self, schema: Json) -> str | None:
        """The first paragraph of what is said of a model."""
        model = self._schemas[_model(schema)] if "$ref" in schema else schema
        return " ".join(model.get("description", "").partition("\n\n")[0].split()) or None

    def _exemplary(self, schema: Json, known: Term | None) -> Any:
        """What may be one of a few values alone knows its own. A list of them holds one."""
        if known is None or known.example is None or schema.keys() & {"enum", "const", "$ref"}:
            return self._made(schema)
        is_list = schema.get("type") == "array" and not isinstance(known.example, list)
        return self._made(schema) or [known.example] if is_list else known.example

    def _example(self, schema: Json) -> Any:
        return schema["examples"][0] if "examples" in schema else self._made(schema)

    def _made(self, schema: Json) -> Any:
        """An example made of those of the parts; None where these have none."""
        made: Any = None
        match schema:
            case {"$ref": str() as ref}:
                self.tell_fields(ref.removeprefix(REF))
                made = self._example(self._schemas[ref.removeprefix(REF)])
            case {"const": value} | {"enum": [value, *_]}:
                made = value
            case {"anyOf": kinds}:
                made = next((example for kind in kinds if (example := self._example(kind)) is not None), None)
            case {"type": "array", "items": items}:
                made = None if (example := self._example(items)) is None else [example]
            case {"type": "object", "properties": fields}:
                made = {name: example for name, field in fields.items() if (example := self._example(field)) is not None}
            case {"type": "boolean"}:
                made = schema.get("default", False)
            case {"default": int() | float() | str() as value}:
                made = value
        return made


def _problem(status: int) -> Json:
    """What the members of a problem are that follow from its status: those of the first class in the tree of errors that has it."""
    kinds: list[type[PlayheadError]] = [PlayheadError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if "status" in vars(kind) and kind.status == status and kind is not PlayheadError:
            return {"status": status, "code": kind.code, "title": kind.title}
    phrase = HTTPStatus(status).phrase
    return {"status": status, "code": phrase.lower().replace(" ", "_"), "title": phrase}


def _common_headers(path: str, operation: Json, status: int) -> Iterator[str]:
    """Those that no route names."""
    is_once = any(parameter["name"] == HEADER for parameter in operation.get("parameters", ()))
    is_problem = MEDIA_TYPE in operation["responses"][str(status)].get("content", {})
    yield "X-Request-Id"
    if path.startswith(PREFIX):
        yield "Tus-Resumable"
    if status == HTTPStatus.UNAUTHORIZED:
        yield "WWW-Authenticate"
    elif "security" in operation:
        yield from ("RateLimit", "RateLimit-Policy")
    if is_problem and (status in {429, 503} or (status == HTTPStatus.CONFLICT and is_once)):
        yield "Retry-After"
    if is_once and status < HTTPStatus.BAD_REQUEST:
        yield REPLAYED


def _model(schema: Json) -> str:
    return str(schema.get("$ref", "")).removeprefix(REF)


def _scopes(operation: Json) -> list[str]:
    """What a key must be allowed to."""
    return [scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes]


def _link(document: Json, path: str, answer: Json) -> None:
    """A list leads to whatever takes the id of what it lists."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if not schema.get("$ref", "").startswith(f"{REF}Listing_"):
        return
    links = {
        operation["operationId"]: {"operationId": operation["operationId"], "parameters": {parameter: "$response.body#/data/0/id"}}
        for other, operation in operations(document)
        if (parameter := _id_below(path, other))
    }
    if links:
        answer["links"] = links


def _id_below(path: str, other: str) -> str | None:
    """`video_id` for `/v1/videos` and `/v1/videos/{video_id}/media`."""
    rest = other.removeprefix(f"{path}/{{")
    return rest.partition("}")[0] if rest != other and rest.count("{") == 0 else None
