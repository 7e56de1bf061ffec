"""Errors as RFC 9457 problems: every answer that is not a success has this one shape."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import PlayheadError, Unavailable, WrongType
from services.api.requests import request_id
from services.api.wording import field_of, sentence

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 413: "too_large", 416: "range_not_satisfiable"}
"""Codes of the errors that the framework itself answers with."""


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in {
        401: "The API key is missing or not valid.",
        402: "The job's budget allows no further call.",
        403: "The API key lacks the scope.",
        404: "There is no such thing in this workspace.",
        408: "The body did not come in time.",
        409: "This can't be done in the present state.",
        410: "What was asked for was deleted.",
        413: "The body is too large.",
        415: "The body is of another type.",
        422: "Something in the request is not valid, or the upload is not a video.",
        429: "Too many requests, or more than the quota; try again after `Retry-After`.",
        503: "A part is away; try again after `Retry-After`.",
        507: "The storage is full.",
    }.items()
}
"""What any route may answer besides its success, for OpenAPI."""


class FieldError(BaseModel):
    """What is wrong with one member of the request."""

    field: str = Field(examples=["request.sampling.fps"])
    message: str = Field(examples=["Must be less than or equal to 8."])


class Problem(BaseModel):
    """A problem by RFC 9457. `code` is stable; `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["There is no such thing"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no video 0198c0de-0000-7000-8000-000000000000."])
    code: str = Field(examples=["not_found"])
    request_id: str = Field(description="Name it when you ask for help; the server's log has it.")
    errors: list[FieldError] | None = Field(None, description="With code `invalid_request`: what is wrong, by member.")


def problem(status: int, *, code: str, title: str, detail: str, headers: dict[str, str] | None = None, **extra: Any) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, "request_id": request_id(), **extra}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def of_error(error: PlayheadError) -> JSONResponse:
    headers = {}
    if isinstance(error, Unavailable) or error.retry_after_s:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s or 2)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    extra = {name: value for name, value in error.extra.items() if name != "field"}
    if "field" in error.extra:
        extra["errors"] = [{"field": error.extra["field"], "message": error.detail}]
    return problem(error.status, code=error.code, title=error.title, detail=error.detail, headers=headers, **extra)


def of_fields(errors: Iterable[Mapping[str, Any]]) -> JSONResponse:
    """Pydantic's errors, by the dotted name of the member; where it lies (query, form) is said by nothing but its name."""
    fields = [{"field": field_of(error), "message": sentence(error)} for error in errors]
    detail = " ".join(f"{error['field']}: {error['message']}" for error in fields)
    return problem(422, code="invalid_request", title="The request is not valid", detail=detail, errors=fields)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""

    @app.exception_handler(PlayheadError)
    def _expected(_: Request, error: PlayheadError) -> JSONResponse:
        if error.status >= 500:
            log.warning("request.failed", error=error.as_dict())
        return of_error(error)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        if isinstance(error.body, bytes):  # the framework reads none but JSON, and what is said to be of another type it leaves as it is
            return of_error(WrongType("Send JSON, and say so: `Content-Type: application/json`."))
        return of_fields(error.errors())

    @app.exception_handler(HTTPException)
    def _framework(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # the framework's word for a body that it can't parse
            return of_fields([{"loc": ("body",), "msg": "must be JSON", "type": "json_invalid"}])
        code, headers = HTTP_CODES.get(error.status_code, "error"), dict(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of one route, and an address may have several
            known = _methods(app, request.scope["path"])
            headers["Allow"] = ", ".join(sorted(known.union(headers.get("Allow", "").split(", ")) - {""}))
        return problem(error.status_code, code=code, title=str(error.detail), detail=str(error.detail), headers=headers)


def _methods(app: FastAPI, path: str) -> set[str]:
    """All that the document has of an address, in capitals."""
    documented = app.openapi()["paths"].items()
    return {method.upper() for template, methods in documented if compile_path(template)[0].match(path) for method in methods}


class BugMiddleware:
    """Answers an exception that nobody foresaw: the log has the traceback, the caller its request id. It lies within CORS, for pages of
    other origins to read the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def begun(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, begun)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("request.bug")
            if is_begun:  # half an answer is out: breaking off is all that tells the client
                raise
            detail = "This is a bug; the server's log has its traceback."
            await problem(500, code="internal_error", title="Something went wrong", detail=detail)(scope, receive, send)
