"""Query parameters as a model, where each request counts."""

from typing import Any, Generic, TypeVar, get_args, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class Parameters(Generic[Model]):
    """A dependency, as `Annotated[Model, Query()]` is one: a field is a parameter, a list's may be given more than once.

    FastAPI looks at the annotation of each field anew with every request: as long as all else that its event loop does for a page of
    events. A route that depends on this tells of it by itself, with `told`.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self._lists = {name for name, field in model.model_fields.items() if is_list(field.annotation)}

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


def is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))
