"""Methods of both clients, described once. `Client` carries them out while you wait, `AsyncClient` gives what can be awaited; types and
signatures are the same in both.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, assert_type, overload

from playhead.calls import Flows, Series
from playhead.pages import AsyncPages, Listed, Pages

if TYPE_CHECKING:
    from playhead.client import AsyncClient, Client
    from playhead.types import Event, Job, News

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")


class _Described(Generic[P, D]):
    """`act` is the method of a client that makes of a description what the caller gets."""

    act: str

    def __init__(self, describe: Callable[Concatenate[Any, P], D]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    def _bound(self, client: Any) -> Any:
        describe = self._describe.__get__(client)
        act = getattr(client, self.act)

        @wraps(describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return act(describe(*args, **kwargs))

        return method


class call(_Described[P, Flows[R]]):  # noqa: N801 (decorators are written small)
    """A method with one result."""

    act = "_run"

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else self._bound(client)


class series(_Described[P, Series[R]]):  # noqa: N801
    """A method to iterate over, as things come."""

    act = "_play"

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, Iterator[R]]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, AsyncIterator[R]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else self._bound(client)


class listing(_Described[P, Listed[R]]):  # noqa: N801
    """A method that gives a list in pages."""

    act = "_pages"

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, Pages[R]]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, AsyncPages[R]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        return self if client is None else self._bound(client)


if TYPE_CHECKING:

    async def _as_mypy_and_editors_see_it(client: "Client", other: "AsyncClient") -> None:
        assert_type(client.job("j"), Job)
        assert_type(await other.job("j"), Job)
        assert_type(client.follow("j"), Iterator[News])
        assert_type(other.follow("j"), AsyncIterator[News])
        assert_type(client.events("v", at_ms=1), Pages[Event])
        assert_type(other.events("v", at_ms=1), AsyncPages[Event])
