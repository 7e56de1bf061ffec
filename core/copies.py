"""Local copies of what lies elsewhere, made once and shared by the processes of a machine.

A long video is decoded in many pieces; without this each would fetch all of it again. Whoever uses a copy holds a shared lock on its file,
so nobody removes it meanwhile; whoever makes one holds an exclusive lock on its draft, so nobody makes it twice.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

NAP_S = 0.2
DRAFT = ".draft"


class Copies:
    """In a folder that is this user's alone; `idle_s` is how long a copy stays after its last use."""

    def __init__(self, folder: Path, *, idle_s: float) -> None:
        self._folder = folder
        self._idle_s = idle_s

    @contextmanager
    def held(self, name: str, fetch: Callable[[IO[bytes]], None], *, beat: Callable[[], None]) -> Iterator[Path]:
        """The copy of that name, there for the while; `fetch` writes it where there is none. `beat` is called while another fetches."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / sha256(name.encode()).hexdigest()
        while (file := _locked(path, "rb", fcntl.LOCK_SH)) is None:
            if not self._made(path, fetch):
                beat()
                time.sleep(NAP_S)
        with file:
            try:
                yield path
            finally:
                os.utime(path)

    def tidy(self) -> None:
        """Remove what nobody has used for a while, and what killed processes left half done."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            # A draft that can be locked is nobody's.
            if path.suffix != DRAFT and time.time() - path.stat().st_mtime < self._idle_s:
                continue
            if (file := _locked(path, "rb", fcntl.LOCK_EX)) is not None:
                with file:
                    path.unlink()

    def _made(self, path: Path, fetch: Callable[[IO[bytes]], None]) -> bool:
        """Whether the copy is there now; False while somebody else makes it."""
        if path.exists():
            return True
        draft = path.with_suffix(DRAFT)
        if (file := _locked(draft, "ab", fcntl.LOCK_EX)) is None:
            return False
        with file:
            file.truncate(0)
            fetch(file)
            file.flush()
            draft.rename(path)
        return True


def _locked(path: Path, mode: str, lock: int) -> IO[bytes] | None:
    """The file, open and locked; None if it is not there, or somebody's."""
    try:
        file: IO[bytes] = path.open(mode)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, lock | fcntl.LOCK_NB)
        # Between opening and locking it may have been removed, or have become something else.
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None
