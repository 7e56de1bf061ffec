"""`multipart/form-data`, part by part as it comes in: fields as text, files as streams. The parsing is python-multipart's."""

from collections import deque
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from core.errors import TooLarge, Unprocessable


@dataclass(frozen=True, slots=True)
class FieldPart:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """`chunks` must be read to its end before the next part is asked for."""

    name: str
    filename: str | None
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class _Begun:
    headers: dict[str, bytes] = field(default_factory=dict)


class _Ended:
    pass


_Token = _Begun | bytes | _Ended


class _Tokens:
    """The parser calls back; this turns the calls into a queue that can be awaited."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise Unprocessable("`Content-Type: multipart/form-data` needs a boundary.", field="content-type")
        self._body = body
        self._waiting: deque[_Token] = deque()
        self._header_name, self._header_value = bytearray(), bytearray()
        self._part = _Begun()
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                callbacks={
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                    "on_header_end": self._header,
                    "on_headers_finished": lambda: self._waiting.append(self._part),
                    "on_part_data": lambda data, start, end: self._waiting.append(data[start:end]),
                    "on_part_end": lambda: self._waiting.append(_Ended()),
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise Unprocessable("The boundary of the form is not a valid one.", field="content-type") from error

    def _end(self) -> None:
        self._complete = True

    def _ensure_complete(self) -> None:
        if not self._complete:
            raise FormParserError("the closing boundary never came")

    def _begin(self) -> None:
        self._part = _Begun()

    def _header(self) -> None:
        self._part.headers[self._header_name.decode("latin-1").lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    async def next(self) -> _Token | None:
        """None at the end of the form. Raises `Unprocessable` for a form that is malformed or breaks off."""
        try:
            while not self._waiting:
                chunk = await anext(self._body, None)
                if chunk is None:
                    self._ensure_complete()
                    return None
                self._parser.write(chunk)
        except FormParserError as error:
            raise Unprocessable("The body is not a well-formed multipart form, or breaks off.", field="body") from error
        return self._waiting.popleft()


async def parts_of(
    content_type: str, body: AsyncIterator[bytes], *, files: Container[str], max_field_bytes: int
) -> AsyncIterator[FieldPart | FilePart]:
    """The parts of a form in the order in which they come; `files` are files though their sender gives them no name.

    Raises `Unprocessable`, and `TooLarge` for a field over the limit.
    """
    tokens = _Tokens(content_type, body)
    while (token := await tokens.next()) is not None:
        if not isinstance(token, _Begun):
            continue
        _, options = parse_options_header(token.headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is not None or name in files:
            yield FilePart(name, (filename or b"").decode("utf-8", "replace") or None, _data(tokens))
        else:
            yield FieldPart(name, await _text(name, tokens, limit=max_field_bytes))


async def _data(tokens: _Tokens) -> AsyncIterator[bytes]:
    while isinstance(token := await tokens.next(), bytes):
        yield token


async def _text(name: str, tokens: _Tokens, *, limit: int) -> str:
    value = bytearray()
    async for chunk in _data(tokens):
        value.extend(chunk)
        if len(value) > limit:
            raise TooLarge(f"The field `{name}` is larger than {limit} bytes (PLAYHEAD_MAX_REQUEST_BYTES).", limit_bytes=limit)
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Unprocessable("The text is not UTF-8.", field=name) from error
