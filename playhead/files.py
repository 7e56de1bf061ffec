"""Files on their way out and in, a piece at a time."""

import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

PIECE = 256 * 1024

OnBytes = Callable[[int, int | None], None]


class Readable(Protocol):
    """Whatever bytes can be read from; an open file, say, or what another service streams."""

    def read(self, size: int, /) -> bytes: ...


@runtime_checkable
class Seekable(Protocol):
    def seekable(self) -> bool: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...


@dataclass(frozen=True)
class Outgoing:
    """`total` is the bytes from `start`, where it stood, to its end; both None where it can be read only once."""

    stream: Readable
    filename: str | None
    start: int | None
    total: int | None
    content_type: str

    @property
    def headers(self) -> dict[str, str]:
        """With a length the body is sent as it is, without one in chunks."""
        length = {} if self.total is None else {"Content-Length": str(self.total)}
        return {"Content-Type": self.content_type, **length}

    def body(self, on_progress: OnBytes | None, *, offset: int = 0) -> "Body":
        """All from an offset on; where the stream can be read only once, what is left of it."""
        if isinstance(self.stream, Seekable) and self.start is not None:
            self.stream.seek(self.start + offset)
        return Body(self, on_progress, offset)


class Body:
    """The bytes of a file, as they are sent (a `calls.Content`); never more than was announced, also where the file grows meanwhile."""

    def __init__(self, file: Outgoing, on_progress: OnBytes | None, offset: int) -> None:
        self._file, self._on_progress = file, on_progress
        self._read = self._sent = offset

    def read(self) -> bytes:
        """Raises OSError where the file shrinks."""
        total = self._file.total
        piece = self._file.stream.read(PIECE if total is None else min(PIECE, total - self._read))
        self._read += len(piece)
        if not piece and total is not None and self._read < total:
            raise OSError(f"The file became shorter while it was sent: {self._read} of {total} bytes were there.")
        return piece

    def sent(self, size: int) -> None:
        self._sent += size
        if self._on_progress:
            self._on_progress(self._sent, self._file.total)


@contextmanager
def outgoing(file: str | os.PathLike[str] | Readable) -> Iterator[Outgoing]:
    """A path is opened and closed here; an open file is read from where it stands, and stays open."""
    if isinstance(file, str | os.PathLike):
        with Path(file).open("rb") as stream:
            yield _described(stream)
    else:
        yield _described(file)


def _described(stream: Readable) -> Outgoing:
    filename = _filename(stream)
    guess, _ = mimetypes.guess_type(filename or "")
    content_type = guess if guess and guess.startswith("video/") else "application/octet-stream"
    start, total = _rest(stream)
    return Outgoing(stream, filename, start, total, content_type)


def _filename(stream: Readable) -> str | None:
    """Streams without a file have no name, or a number. Bytes in a name that are not UTF-8 become question marks."""
    name = getattr(stream, "name", None)
    return Path(name).name.encode(errors="replace").decode() if isinstance(name, str) else None


def _rest(stream: Readable) -> tuple[int, int] | tuple[None, None]:
    """Where it stands, and how much comes from there."""
    if not (isinstance(stream, Seekable) and stream.seekable()):
        return None, None
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return here, end - here


@contextmanager
def incoming(to: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """A path appears when all of it is there, and not before; an open file is written as it comes, and stays open."""
    if not isinstance(to, str | os.PathLike):
        yield to
        return
    target = Path(to)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
