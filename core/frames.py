"""The frames of a window as one blob: a plain zip of JPEGs, stored uncompressed and named by their time."""

import io
import zipfile
from collections.abc import Iterable

from core.errors import NotFound
from core.seekable import Seekable


def _name(pts_ms: int) -> str:
    return f"{pts_ms:09d}.jpg"


def pack(frames: Iterable[tuple[int, bytes]]) -> bytes:
    """Frames as `(pts_ms, jpeg)`. The same frames give the same bytes."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_STORED) as archive:
        for pts_ms, jpeg in frames:
            archive.writestr(zipfile.ZipInfo(_name(pts_ms)), jpeg)
    return blob.getvalue()


def unpack(blob: bytes) -> list[tuple[int, bytes]]:
    """What `pack` was given, in order of time."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return [(int(name.removesuffix(".jpg")), archive.read(name)) for name in sorted(archive.namelist())]


def pick(blob: Seekable, pts_ms: int) -> bytes:
    """One frame, read without the others. Raises `NotFound`."""
    with zipfile.ZipFile(blob) as archive:
        try:
            return archive.read(_name(pts_ms))
        except KeyError as error:
            raise NotFound(f"There is no frame at {pts_ms} ms.") from error
