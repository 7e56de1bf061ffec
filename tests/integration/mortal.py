"""A process that dies at a moment of the test's choosing, as `kill -9` would have it: its seams raise, and from then on nothing passes
through any of them, whatever handlers and cleanups try.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from core.blobs import Blobs
from core.errors import DatabaseUnavailable
from db.session import Sessions

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

WROTE = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


UNCOMMITTED = "rows, not committed"


class Killed(BaseException):
    """Nothing that anybody catches."""


@dataclass
class Fate:
    """Dies at the crossing of that number, counted from 0; None: never. With `only`, moments of that name alone count. `crossed` has all of
    them so far, the last one included.
    """

    at: int | None
    only: str | None = None
    crossed: list[str] = field(default_factory=list)
    dead: bool = False

    def cross(self, moment: str) -> None:
        self.check()
        self.crossed.append(moment)
        if self.only in (None, moment) and sum(self.only in (None, each) for each in self.crossed) - 1 == self.at:
            self.dead = True
            raise Killed(moment)

    def check(self) -> None:
        if self.dead:
            raise Killed("long dead")


@dataclass
class Meddling(Fate):
    """Lives on, but at that crossing somebody else does something; not while a transaction is open, as that would wait for its end."""

    act: Callable[[], object] = lambda: None

    def cross(self, moment: str) -> None:
        if moment == UNCOMMITTED:
            return
        self.crossed.append(moment)
        if len(self.crossed) - 1 == self.at:
            self.act()

    @property
    def over(self) -> bool:
        """Whether the time for it never came."""
        return self.at is not None and len(self.crossed) <= self.at


@dataclass
class Deaf(Fate):
    """Lives on, but does not hear that the commit of that number happened."""

    def cross(self, moment: str) -> None:
        self.crossed.append(moment)
        if moment == "committed" and self.crossed.count(moment) - 1 == self.at:
            raise DatabaseUnavailable("The answer was lost.")

    @property
    def over(self) -> bool:
        return self.at is not None and self.crossed.count("committed") <= self.at


class MortalSessions(Sessions):
    """Dies between the rows and their commit, and between the commit and whatever comes next; where nothing was written both are one."""

    def __init__(self, engine: Engine, fate: Fate) -> None:
        super().__init__(engine)
        self._fate = fate

    @contextmanager
    def begin(self) -> Iterator[Session]:
        self._fate.check()
        with super().begin() as session:
            yield session
            self._fate.check()
            session.flush()
            if wrote := bool(session.scalar(WROTE)):
                self._fate.cross(UNCOMMITTED)
        if wrote:
            self._fate.cross("committed")


class MortalBlobs(Blobs):
    """Dies once a blob is there, or a part of one; before it is there is no other moment than after the last commit."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url)
        self._fate = fate

    def put(self, key: str, data: bytes) -> None:
        self._fate.check()
        super().put(key, data)
        self._fate.cross("blob, no row")

    def get(self, key: str) -> bytes:
        self._fate.check()
        return super().get(key)

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator["AsyncWritableFile"]:
        self._fate.check()
        try:
            async with super().writer(key) as file:
                yield file
                self._fate.cross("upload, not whole")
        except Killed:
            self._leave_behind(key)
            raise
        self._fate.cross("upload, no row")

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        self._fate.check()

        def mortal() -> Iterator[bytes]:
            yield from chunks
            self._fate.cross("upload, not whole")

        try:
            super().write(key, mortal())
        except Killed:
            self._leave_behind(key)
            raise
        self._fate.cross("blob, no row")

    def delete_prefix(self, prefix: str) -> None:
        self._fate.check()
        super().delete_prefix(prefix)
        self._fate.cross("blobs deleted, still on the list")

    def _leave_behind(self, key: str) -> None:
        """What obstore's writer tidies up, and a kill does not."""
        assert self._root is not None
        path = Path(self._root, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + "#1").write_bytes(b"half")


@dataclass
class MortalRing:
    """Keeps what is rung for. A message that was not sent, since its sender died after the commit, and one that was lost are the same."""

    fate: Fate
    rung: list[tuple[str, object]] = field(default_factory=list)

    def __call__(self, task: str, row_id: object) -> None:
        self.fate.check()
        self.rung.append((task, row_id))
