"""What a call of the API is, without any I/O: requests that it wants made, one step after the other, and what it makes of their answers.

A *flow* is a generator. It yields steps, gets what came of each, and either returns the call's result or emits one item after the other. It
neither knows nor cares who carries its steps out: `playhead.drivers` has one for threads and one for event loops, which is why no call is
written twice.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import httpx

from playhead.answers import accepted
from playhead.errors import ApiError, ConnectionFailed, PlayheadError
from playhead.retries import pause_s

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Content(Protocol):
    """A body on its way out. `read` may take its time, and gives nothing at the end; `sent` hears of each piece that went."""

    def read(self) -> bytes: ...
    def sent(self, size: int, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Ask(Generic[R]):
    """One request, and how its answer is read. As a flow it is made up to `tries` times, and gives what was read.

    `content` makes the body, anew for each try. `tries`: how often in all, where that is not what the client says; 1 for what can't be sent
    twice. `stream`:
    the answer's body is not read with it, but by `Piece`, and lasts as long as the flow.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], R]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: Callable[[], Content] | None = None
    timeout: float | None = None
    tries: int | None = None
    stream: bool = False

    def __iter__(self) -> Generator["Step", Any, R]:
        result: R = yield self
        return result


@dataclass(frozen=True)
class Send:
    """Make a request once. Gives the answer, whatever its status."""

    ask: Ask[Any]


@dataclass(frozen=True)
class Piece:
    """Gives the next bytes of an answer's body, none at its end."""

    answer: httpx.Response


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Emit(Generic[T]):
    """Hand an item over to whoever iterates."""

    item: T


Step = Ask[Any] | Send | Piece | Pause
Flow = Generator[Step, Any, R]
"""Returns R."""
Series = Generator[Step | Emit[T], Any, None]
"""Emits T, any number of times."""


class Flows(Protocol[R_co]):
    """A flow, or what becomes one: an `Ask`."""

    def __iter__(self) -> Generator[Step, Any, R_co]: ...


def once(flow: Flows[R]) -> Series[R]:
    """Emits what a flow returns."""
    yield Emit((yield from flow))


def patient(ask: Ask[R], tries: int) -> Flow[R]:
    """A request, made again while nobody answers or the server asks to come back later."""
    tries = ask.tries or tries
    for attempt in count():
        try:
            return ask.read(accepted((yield Send(ask))))
        except (ApiError, ConnectionFailed) as error:
            pause = pause_s(error, attempt)
            if pause is None or attempt + 1 >= tries:
                raise
        yield Pause(pause)
    raise AssertionError


class Course:
    """A flow on its way: `step` is what to do next, None at its end; `went` or `failed` tells it what came of that."""

    def __init__(self, flow: Series[Any]) -> None:
        self._flow = flow
        self._resume: Callable[[], Step | Emit[Any]] = partial(next, flow)

    def step(self) -> Step | Emit[Any] | None:
        try:
            return self._resume()
        except StopIteration:
            return None

    def went(self, result: object = None) -> None:
        self._resume = partial(self._flow.send, result)

    def failed(self, error: Exception) -> None:
        self._resume = partial(self._flow.throw, error)


def at(template: str, *ids: str) -> str:
    """A path: `at("/v1/videos/{}/jobs", video_id)`. An id is one segment of it, whatever is in it."""
    for one in ids:
        if one.strip(".") == "":
            raise PlayheadError(f"{one!r} is not an id.")
    return template.format(*(quote(one, safe="") for one in ids))
