"""A job as a stream of server-sent events: the messages, and what their ids stand for."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple, Self
from uuid import UUID

import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from core.errors import Unavailable
from core.settings import Settings
from db.changes import START, Place
from services.api.hub import PAGE, Followed, Hub, News, Told

log = structlog.get_logger(__name__)

SEEN = r"^(-1|[0-9]{1,9})\.([0-9a-f]{32})\.([0-9a-f]{12})$"
NAMES = ("job", "event", "withdrawn", "end", "deleted")
GRACE_S = 5
"""How long a stream may take to say goodbye."""


class Seen(NamedTuple):
    """What a message's id stands for: whoever has it was told of the events' changes up to a place, and of the job as it was by digest.

    So any process can go on from it, and none need remember who was told what.
    """

    place: Place = START
    digest: str = "0" * 12

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises `ValueError` for what does not match `SEEN`."""
        change, event_id, digest = text.split(".")
        return cls(Place(int(change), UUID(event_id)), digest)

    def __str__(self) -> str:
        return f"{self.place.change}.{self.place.id.hex}.{self.digest}"


class EventStream(EventSourceResponse):
    """Shows signs of life, and ends quietly where its client does not read."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], settings: Settings) -> None:
        super().__init__(
            content,
            ping=settings.stream_heartbeat.total_seconds(),
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
            send_timeout=settings.stream_patience.total_seconds(),
            shutdown_grace_period=GRACE_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("stream.cut_off", path=scope["path"])


async def messages(hub: Hub, job_id: UUID, seen: Seen, *, lasts: timedelta, untold: int) -> AsyncIterator[bytes]:
    """All after what was seen, until the job has ended. Of what was withdrawn up to the change `untold`, nobody had told."""
    until = asyncio.get_running_loop().time() + lasts.total_seconds()
    told: Told | None = None
    all_told = None
    with hub.following(job_id) as followed:
        while await _there_is_more(followed, told, until=until) and (told := followed.told):
            if told.changes != all_told:
                async for news in _after(seen.place, hub, followed, told):
                    seen = seen._replace(place=news.place)
                    if news.name == "event" or news.place.change > untold:
                        yield _message(news.name, news.json, seen)
                if followed.closing:
                    break
                all_told = told.changes
            if told.digest != seen.digest:
                seen = seen._replace(digest=told.digest)
                yield _message("end" if told.ended else "job", told.json, seen)
            if told.ended:
                return
        if followed.gone:
            yield _message("deleted", f'{{"id":"{job_id}","object":"job"}}', seen)
            return
    yield f": come back\nretry: {500 + secrets.randbelow(2500)}\n\n".encode()  # not all at once


async def _there_is_more(followed: Followed, told: Told | None, *, until: float) -> bool:
    """Wait for something to tell. False: the job was deleted, this process stops, or the time is over."""
    try:
        async with asyncio.timeout_at(until):
            await followed.news(told)
    except TimeoutError:
        return False
    return not (followed.gone or followed.closing)


async def _after(place: Place, hub: Hub, followed: Followed, told: Told) -> AsyncIterator[News]:
    """All changes of events after a place, however long the database is away meanwhile; fewer where this process stops."""
    while not followed.closing:
        try:
            page = await hub.page(followed, told, place)
        except Unavailable:
            await hub.pause()
            continue
        for news in page:
            yield news
        if len(page) < PAGE:
            return
        place = page[-1].place


def _message(name: str, json: str, seen: Seen) -> bytes:
    return f"id: {seen}\nevent: {name}\ndata: {json}\n\n".encode()
