"""How JSON becomes a record, and what records of all kinds are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin, get_type_hints

from playhead.errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Record:
    _readers: ClassVar[Mapping[str, Callable[[Any], Any]]]

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __init_subclass__(cls) -> None:
        cls._readers = {name: _reader(hint) for name, hint in get_type_hints(cls).items() if name not in ("raw", "_readers")}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises UnexpectedAnswer where a field without a default is missing, or one is of a kind that can't be read."""
        try:
            known = {name: cls._readers[name](value) for name, value in data.items() if name in cls._readers and value is not None}
            return cls(raw=data, **known)
        except (AttributeError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"The server's {cls.__name__.lower()} can't be read ({error}).") from error


def _reader(hint: Any) -> Callable[[Any], Any]:
    """How JSON becomes a field of this type: records, times and tuples of them are made, anything else is taken as it is."""
    if get_origin(hint) is UnionType:
        hint = next(arg for arg in get_args(hint) if arg is not NoneType)
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda values: tuple(item(value) for value in values)
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json
    return lambda value: value


@dataclass(frozen=True, kw_only=True)
class Problem(Record):
    """What went wrong (RFC 9457); `code` is stable, `detail` is for people. A job's error has the same shape."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    status: int | None = None
    request_id: str | None = None
    errors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One piece of a list; `next_cursor` asks for the next, None at the end."""

    data: tuple[T, ...]
    next_cursor: str | None = None
