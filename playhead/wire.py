"""One HTTP conversation with the server: the key, the retries, and the only place where httpx's errors become ours."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from playhead import retries
from playhead.errors import ApiError, ConnectionFailed, PlayheadError, UnexpectedAnswer
from playhead.settings import Settings
from playhead.types import Problem
from playhead.version import __version__

REPEATABLE = frozenset({"GET", "DELETE"})
CONNECT_TIMEOUT_S = 5.0
UPLOAD_TIMEOUT = httpx.Timeout(300, connect=CONNECT_TIMEOUT_S)


class Wire:
    """`tries` is how often a call that may be repeated is made in all, while nobody answers or the server asks to come back later."""

    def __init__(self, settings: Settings, *, timeout: float, tries: int, transport: httpx.BaseTransport | None) -> None:
        self.url = settings.url
        self.tries = tries
        headers = {"User-Agent": f"playhead/{__version__}"}
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        # A proxy from the environment has no business between this machine and itself.
        self._http = httpx.Client(
            base_url=settings.url,
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_S)),
            transport=transport,
            trust_env=not settings.local,
        )

    def close(self) -> None:
        self._http.close()

    def json(self, method: str, path: str, *, tries: int | None = None, **request: Any) -> dict[str, Any]:
        """`tries`: how often this call is made at the most, where that is not what its method says. Raises as Client does."""
        answer = self._send(method, path, tries=tries, **request)
        try:
            data = answer.json()
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise UnexpectedAnswer(f"{self.url} answered, but not as Playhead does. Check PLAYHEAD_URL.")
        return data

    def body(self, path: str) -> bytes:
        return self._send("GET", path).content

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def upload(self, path: str, content: Iterable[bytes], *, params: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """One try alone: what was read from a stream can't be read again. The server may take its time to store the end of it."""
        return self.json("POST", path, content=content, params=params, headers=headers, timeout=UPLOAD_TIMEOUT)

    @contextmanager
    def download(self, path: str) -> Iterator[httpx.Response]:
        """The answer with its body still to come; a connection that breaks while it is read is a ConnectionFailed as well."""
        answer = self._send("GET", path, stream=True)
        try:
            yield answer
        except httpx.RequestError as error:
            raise self._failure(error) from error
        finally:
            answer.close()

    def _send(self, method: str, path: str, *, tries: int | None = None, stream: bool = False, **request: Any) -> httpx.Response:
        left = tries or (self.tries if method in REPEATABLE else 1)
        attempt = 0
        while True:
            try:
                return self._once(method, path, stream=stream, **request)
            except (ApiError, ConnectionFailed) as error:
                pause = retries.pause_s(error, attempt)
                attempt += 1
                if pause is None or attempt >= left:
                    raise
            time.sleep(pause)

    def _once(self, method: str, path: str, *, stream: bool, **request: Any) -> httpx.Response:
        try:
            answer = self._http.send(self._http.build_request(method, path, **request), stream=stream)
            if not answer.is_success:
                answer.read()
        except httpx.RequestError as error:
            raise self._failure(error) from error
        if not answer.is_success:
            raise self._refusal(answer)
        return answer

    def _failure(self, error: httpx.RequestError) -> PlayheadError:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ConnectionFailed(f"Can't reach {self.url} ({reason}). Start the server with `make up`, or set PLAYHEAD_URL.")
        if isinstance(error, httpx.TimeoutException):
            return ConnectionFailed(f"{self.url} took too long to answer ({type(error).__name__}). Try again later.")
        return ConnectionFailed(f"The connection to {self.url} broke ({reason}). Try again.")

    def _refusal(self, answer: httpx.Response) -> ApiError:
        try:
            problem = Problem.from_json(answer.json())
        except (ValueError, UnexpectedAnswer):
            problem = Problem(status=answer.status_code, detail=self._without_problem(answer))
        return ApiError(answer.status_code, problem, retry_after_s=retries.retry_after_s(answer.headers.get("Retry-After")))

    def _without_problem(self, answer: httpx.Response) -> str:
        """An answer from a proxy, say, or from another program on that port."""
        if answer.is_redirect:
            return f"{self.url} points on to {answer.headers.get('Location')}. Set PLAYHEAD_URL to where the server is."
        status = f"{answer.status_code} {answer.reason_phrase}".strip()
        return f"{self.url} answered {status} and gave no reason. Check PLAYHEAD_URL, and the server's log."
