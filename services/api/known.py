"""A route that knows its query."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from core.errors import Unprocessable
from services.api.parameters import Parameters, is_list


class KnownRoute(APIRoute):
    """Refuses a parameter that it does not know: a list that ignored a misspelt filter would be taken for filtered. And one that is given
    twice, where only one of its values would count.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, known = super().get_route_handler(), _annotations(self.dependant)

        async def checked(request: Request) -> Response:
            if request.scope["query_string"]:
                _ensure_known(request, known)
            return await handle(request)

        return checked


def _ensure_known(request: Request, known: Mapping[str, Any]) -> None:
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            those = f"known are {', '.join(sorted(known))}" if known else "none is known"
            raise Unprocessable(f"There is no parameter `{name}` here; {those}.", field=name)
        if times > 1 and not is_list(known[name]):
            raise RequestValidationError([{"loc": ("query", name), "msg": "is given twice", "type": "value_error"}])


def _annotations(route: Dependant) -> Mapping[str, Any]:
    """The annotations of a route's parameters, by their names; those of a model are its fields."""
    told = {parameter.alias: parameter.field_info.annotation for parameter in route.query_params}
    models = [each.call.model for each in route.dependencies if isinstance(each.call, Parameters)]
    models += [annotation for annotation in told.values() if isinstance(annotation, type) and issubclass(annotation, BaseModel)]
    fields = {field.alias or name: field.annotation for model in models for name, field in model.model_fields.items()}
    return {name: annotation for name, annotation in told.items() if annotation not in models} | fields
