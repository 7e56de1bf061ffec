"""Answers, read: records, lists, bytes; and what is made of those that say no, or say nothing that Playhead would."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from playhead.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from playhead.retries import retry_after_s
from playhead.types import Page, Problem, Record

R = TypeVar("R", bound=Record)


def accepted(answer: httpx.Response) -> httpx.Response:
    """Raises ApiError."""
    if answer.is_success:
        return answer
    try:
        problem = Problem.from_json(answer.json())
    except (ValueError, UnexpectedAnswer):
        problem = Problem(status=answer.status_code, detail=_without_problem(answer))
    raise ApiError(answer.status_code, problem, retry_after_s=retry_after_s(answer.headers.get("Retry-After")))


def json_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise UnexpectedAnswer(f"{_server(answer.request)} answered, but not as Playhead does. Check PLAYHEAD_URL.")
    return data


def record(kind: type[R]) -> Callable[[httpx.Response], R]:
    return lambda answer: kind.from_json(json_of(answer))


def page(kind: type[R]) -> Callable[[httpx.Response], Page[R]]:
    def read(answer: httpx.Response) -> Page[R]:
        data = json_of(answer)
        return Page(data=tuple(kind.from_json(item) for item in data.get("data", ())), next_cursor=data.get("next_cursor"))

    return read


def text(answer: httpx.Response) -> str:
    return answer.content.decode()


def body(answer: httpx.Response) -> bytes:
    return answer.content


def whole(answer: httpx.Response) -> httpx.Response:
    return answer


def nothing(_answer: httpx.Response) -> None:
    return None


def no_answer(error: httpx.RequestError) -> ConnectionFailed:
    reason, server = str(error) or type(error).__name__, _server(error.request)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return ConnectionFailed(f"Can't reach {server} ({reason}). Start the server with `make up`, or set PLAYHEAD_URL.")
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailed(f"{server} took too long to answer ({type(error).__name__}). Try again later.")
    return ConnectionFailed(f"The connection to {server} broke ({reason}). Try again.")


def _without_problem(answer: httpx.Response) -> str:
    """An answer from a proxy, say, or from another program on that port."""
    server = _server(answer.request)
    if answer.is_redirect:
        return f"{server} points on to {answer.headers.get('Location')}. Set PLAYHEAD_URL to where the server is."
    status = f"{answer.status_code} {answer.reason_phrase}".strip()
    return f"{server} answered {status} and gave no reason. Check PLAYHEAD_URL, and the server's log."


def _server(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"
