"""Query parameters: which ones a route knows, and as a model, where each request counts."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from core.errors import Unprocessable

Model = TypeVar("Model", bound=BaseModel)


class Parameters(Generic[Model]):
    """A dependency, as `Annotated[Model, Query()]` is one: a field is a parameter, a list's may be given more than once.

    FastAPI looks at the annotation of each field anew with every request: as long as all else that its event loop does for a page of
    events. A route that depends on this tells of it by itself, with `told`.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self._lists = {name for name, field in model.model_fields.items() if _is_list(field.annotation)}

    async def __call__(self, request: Request) -> Model:
        """Raises `RequestValidationError`."""
        sent = request.query_params
        given = {name: sent.getlist(name) if name in self._lists else sent[name] for name in sent}
        try:
            return self.model.model_validate(given)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in errors]) from error

    @property
    def told(self) -> dict[str, Any]:
        """For OpenAPI: the route's `openapi_extra`."""
        fields = self.model.model_json_schema()["properties"]
        return {"parameters": [self._told(name, schema) for name, schema in fields.items()]}

    def _told(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        told = {"name": name, "in": "query", "required": False, "schema": schema}
        return told | ({"description": schema["description"]} if "description" in schema else {})


async def known_query(request: Request) -> None:
    """Refuse a parameter that the route does not know: a list that ignored a misspelt filter would be taken for filtered. And one that is
    given twice, where only one of its values would count.
    """
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    if (known := _known.get(route.endpoint)) is None:
        known = _known[route.endpoint] = _annotations(route.dependant)
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            those = f"known are {', '.join(sorted(known))}" if known else "none is known"
            raise Unprocessable(f"There is no parameter `{name}` here; {those}.", field=name)
        if times > 1 and not _is_list(known[name]):
            raise RequestValidationError([{"loc": ("query", name), "msg": "is given twice", "type": "value_error"}])


_known: dict[Callable[..., Any], Mapping[str, Any]] = {}
"""By what answers: to look at all of a model's fields takes as long as a query."""


def _annotations(route: Dependant) -> Mapping[str, Any]:
    """The annotations of a route's parameters, by their names; those of a model are its fields."""
    told = {parameter.alias: parameter.field_info.annotation for parameter in route.query_params}
    models = [each.call.model for each in route.dependencies if isinstance(each.call, Parameters)]
    models += [annotation for annotation in told.values() if isinstance(annotation, type) and issubclass(annotation, BaseModel)]
    fields = {field.alias or name: field.annotation for model in models for name, field in model.model_fields.items()}
    return {name: annotation for name, annotation in told.items() if annotation not in models} | fields


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))
