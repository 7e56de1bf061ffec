"""Object storage: videos and frames, by key. A thin border around obstore that translates its errors."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError, NotSupportedError
from obstore.store import LocalStore, from_url

from core.copies import Copies
from core.errors import BlobsUnavailable, NotFound, StorageFull
from core.seekable import Seekable

if TYPE_CHECKING:
    from obstore import AsyncWritableFile
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

log = structlog.get_logger(__name__)

# An address of one's own names its scheme itself: `AWS_ENDPOINT_URL=http://...` needs no second setting.
CLIENT: "ClientConfig" = {"timeout": timedelta(seconds=20), "connect_timeout": timedelta(seconds=3), "allow_http": True}
RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=8)}
"""A storage that says nothing is away before a lease is over, not after the three minutes of obstore's defaults."""

COPY_IDLE_S = 900.0
"""How long a local copy stays after its last use."""

PART_BYTES = 8 * 1024**2
"""Unit of a multipart upload; S3 wants at least 5 MiB, and 10,000 parts of 8 MiB hold 78 GiB."""


TAIL_BYTES = 32 * 1024
"""More than the index of a zip of all the frames that a window may hold (512, at about 60 bytes each)."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise BlobsUnavailable("The bucket is not there; check PLAYHEAD_BLOBS_URL.") from error
        raise NotFound("The object is not in the storage.") from error
    except (BaseError, OSError) as error:
        text = str(error)
        if "os error 28" in text or "No space left" in text or "os error 122" in text:
            raise StorageFull("The storage has no room left; free some, or delete videos, and send it again.") from error
        log.warning("blobs.unavailable", cause=text.partition("\n\nDebug source")[0])
        raise BlobsUnavailable("The object storage did not do what it was asked; see the server's log.") from error


class Blobs:
    """Blobs under one root: `file://DIRECTORY`, or `s3://BUCKET/PREFIX` with credentials from the `AWS_*` environment.

    Every method raises `NotFound`, `StorageFull` or `BlobsUnavailable`. A write is seen whole or not at all.
    """

    def __init__(self, url: str, *, scratch: Path | None = None) -> None:
        self._copies = Copies((scratch or Path(tempfile.gettempdir())) / f"playhead-copies-{os.getuid()}", idle_s=COPY_IDLE_S)
        self._url = url
        self._root: Path | None = None
        self._store: ObjectStore
        if url.startswith("file://"):
            self._root = Path(url.removeprefix("file://")).absolute()
            self._store = LocalStore(self._root, mkdir=True)
        else:
            self._store = from_url(url, client_options=CLIENT, retry_config=RETRIES)

    def check(self) -> None:
        """Raise unless the storage answers and, where it is a folder, can be written."""
        self._ensure_root()
        with _translated():
            if self._root is not None:
                with tempfile.TemporaryFile(dir=self._root):
                    return
            next(iter(obstore.list(self._store, prefix="readyz", chunk_size=1)), None)

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator["AsyncWritableFile"]:
        """Write a blob piece by piece in bounded memory; leaving with an exception leaves no blob behind."""
        with _translated():
            try:
                async with obstore.open_writer_async(self._store, key, buffer_size=PART_BYTES, max_concurrency=1) as file:
                    yield file
            except BaseException:
                self._prune(key)
                raise

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """The same for whoever has the pieces already; what their iterator raises leaves no blob behind. What somebody left who was killed
        while writing this very key goes.
        """
        with _translated():
            self._drop_staged(key)
            try:
                with obstore.open_writer(self._store, key, buffer_size=PART_BYTES, max_concurrency=1) as file:
                    for chunk in chunks:
                        file.write(chunk)
            except BaseException:
                self._prune(key)
                raise

    def put(self, key: str, data: bytes | Sequence[bytes]) -> None:
        """All of it at once, also where it comes in chunks."""
        with _translated():
            obstore.put(self._store, key, data, use_multipart=False)

    def get(self, key: str) -> bytes:
        self._ensure_root()
        with _translated():
            return bytes(obstore.get(self._store, key).bytes())

    def size(self, key: str) -> int:
        with _translated():
            return obstore.head(self._store, key)["size"]

    def stream(self, key: str, *, start: int, end: int) -> Iterator[bytes]:
        """The bytes `[start, end)` in chunks."""
        for offset in range(start, end, PART_BYTES // 8):
            with _translated():
                yield bytes(obstore.get_range(self._store, key, start=offset, end=min(offset + PART_BYTES // 8, end)))

    def open(self, key: str) -> Seekable:
        """The blob as a file that reads what is looked at; one request brings its size and its last bytes."""
        self._ensure_root()
        with _translated():
            end = obstore.get(self._store, key, options={"range": {"suffix": TAIL_BYTES}})
            tail, size = bytes(end.bytes()), end.meta["size"]

        def read_range(start: int, end: int) -> bytes:
            with _translated():
                return bytes(obstore.get_range(self._store, key, start=start, end=end))

        return Seekable(read_range, size=size, tail=tail)

    def keys(self, prefix: str) -> list[str]:
        with _translated():
            return [entry["path"] for page in obstore.list(self._store, prefix=prefix) for entry in page]

    def folders(self, prefix: str) -> set[str]:
        """What lies right below `prefix`, whatever is in it."""
        with _translated():
            return set(obstore.list_with_delimiter(self._store, prefix=prefix)["common_prefixes"])

    def delete(self, key: str) -> None:
        """Delete one blob; nothing there is fine."""
        with suppress(NotFound), _translated():
            obstore.delete(self._store, key)

    def delete_prefix(self, prefix: str) -> None:
        """Delete every blob below `prefix`, and what an interrupted write left there; nothing there is fine."""
        with _translated():
            if self._root is not None:
                with suppress(FileNotFoundError):
                    shutil.rmtree(self._inside(prefix))
            elif keys := self.keys(prefix):
                obstore.delete(self._store, keys)

    @contextmanager
    def local(self, key: str, *, beat: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """The blob as a local regular file: the file itself where the storage is a folder; otherwise a copy, kept for a while for whoever
        needs it next.

        `beat` is called with each chunk of the copy; what it raises ends the copying.
        """
        self._ensure_root()
        if self._root is not None:
            path = self._inside(key)
            if not path.is_file():
                raise NotFound("The video's bytes are not in the storage.")
            yield path
            return
        with _translated(), self._copies.held(f"{self._url}/{key}", lambda file: self._fetch(key, file, beat), beat=beat) as path:
            yield path

    def tidy(self) -> None:
        """Remove local copies that nobody has used for a while; call now and then."""
        self._copies.tidy()

    def _fetch(self, key: str, file: IO[bytes], beat: Callable[[], None]) -> None:
        for chunk in self.stream(key, start=0, end=self.size(key)):
            file.write(chunk)
            beat()

    def _ensure_root(self) -> None:
        """A folder that is not mounted is a storage that is away, not one that lacks the object."""
        if self._root is not None and not self._root.is_dir():
            raise BlobsUnavailable(f"The folder {self._root} is not there; is it mounted?")

    def _inside(self, key: str) -> Path:
        if self._root is None:
            raise NotSupportedError("not a local store")
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()) or path == self._root.resolve():
            raise NotFound("The object is not in the storage.")
        return path

    def _drop_staged(self, key: str) -> None:
        """Where the storage is a folder, a blob is written beside its place, as `NAME#1`."""
        if self._root is not None:
            path = self._inside(key)
            for left in path.parent.glob(f"{path.name}#*"):
                left.unlink(missing_ok=True)

    def _prune(self, key: str) -> None:
        """An aborted write leaves its empty folder behind."""
        if self._root is not None:
            folder = self._inside(key).parent
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def source_key(video_id: object) -> str:
    """One folder an upload, one name for all: nothing of what the caller called the file reaches the decoder."""
    return f"videos/{video_id}/source"


def upload_prefix(upload_id: object) -> str:
    """All that was written of an upload, whether it counts or not."""
    return f"uploads/{upload_id}"


def part_key(upload_id: object, start: int) -> str:
    """A name of its own for each write, so that a writer who was given up writes over nobody's bytes."""
    return f"{upload_prefix(upload_id)}/{start:014d}-{secrets.token_hex(8)}"


def index_key(video_id: object) -> str:
    """What a worker found out about the video's bytes, so that the others need not. It can be made again at any time."""
    return f"videos/{video_id}/index"


def frames_prefix(video_id: object, generation: int) -> str:
    """All sampled frames of a video; those of a later generation lie elsewhere, so that these can be deleted at any time."""
    return f"videos/{video_id}/frames-{generation}"


def frames_key(video_id: object, generation: int, sampling: str, seq: int) -> str:
    """The frames of one window, by how they were sampled: the same for each attempt and each later job, so nothing is orphaned."""
    return f"{frames_prefix(video_id, generation)}/{sampling}/{seq:06d}.zip"


def storyboard_prefix(video_id: object, generation: int) -> str:
    """Pictures made of sampled frames: they go with these, and can be made again as long as these are there."""
    return f"{frames_prefix(video_id, generation)}/storyboard"


def look_key(video_id: object, generation: int, job_id: object, pass_: int, seq: int) -> str:
    """The frames of a second look at one event: its job's alone."""
    return f"{frames_prefix(video_id, generation)}/looks/{job_id}/{pass_}-{seq:06d}.zip"


def video_prefix(video_id: object) -> str:
    """Everything of one video lies below this."""
    return f"videos/{video_id}"
