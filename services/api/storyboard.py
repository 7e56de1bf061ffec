"""`/v1/videos/{id}/storyboard.jpg` and `.vtt`: what a player shows above its bar, made of the frames that were sampled."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from threading import BoundedSemaphore
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from core.blobs import Blobs, storyboard_prefix
from core.errors import BlobsUnavailable, Gone, NotFound, NotSampled, TooManyStoryboards
from core.frames import pick
from core.settings import Settings
from core.spans import Span, divide
from db import videos, windows
from db.models import Video
from services.api.context import Parts, Reader, WithParts
from services.api.document import BINARY
from services.api.door import Caller
from services.api.exports import name_of, sent
from services.api.formats.text import clock
from services.api.known import KnownRoute
from services.api.ranges import is_known
from services.api.shared import Shared
from services.api.sprites import paint

router = APIRouter(prefix="/v1/videos/{video_id}", tags=["exports"], route_class=KnownRoute)

READERS = 8
"""Frames lie in as many blobs as there are windows; a bucket takes its time for each."""

PAINTERS = BoundedSemaphore(2)
"""A picture takes a second of a core and some ten megabytes; once it is there it costs nothing."""

TURN_S = 1.0
"""How long one waits to be made: all routes share the threads that wait."""

LONGEST_EDGE = 2
"""How many times as high as it is wide a thumbnail is at the most."""


class Tile(NamedTuple):
    """A place in the picture, and the frame that is shown there: the blob that it lies in, and its time."""

    span: Span
    box: tuple[int, int, int, int]
    frames_key: str
    pts_ms: int


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Which frames are shown where. What was not sampled, or not yet, has a place in the picture too, so that no other one moves."""

    size: tuple[int, int]
    tiles: Sequence[Tile]

    @property
    def digest(self) -> str:
        return sha256(json.dumps([self.size, self.tiles]).encode()).hexdigest()[:32]


@router.get(
    "/storyboard.jpg",
    response_class=Response,
    responses={
        200: {"description": "The thumbnails, row by row.", "content": {"image/jpeg": {"schema": BINARY}}, "headers": {"ETag": {}}},
        304: {"description": "It is the one that you have.", "content": {}, "headers": {"ETag": {}}},
    },
)
async def get_storyboard(
    request: Request,
    parts: WithParts,
    caller: Reader,
    video_id: UUID,
    if_none_match: Annotated[str | None, Header(description="The `ETag` of the picture that you have.")] = None,
) -> Response:
    """Thumbnails of the whole video in one picture; `storyboard.vtt` says which is where. Made of the frames that were sampled, so it fills
    while a job runs, and nothing is decoded for it.

    Problems: `not_sampled` before there is a frame; `never_read` where its jobs ended without one; `gone` where they were deleted;
    `too_many_storyboards` while others are being made: ask again after `Retry-After`.
    """
    video, board = await run_in_threadpool(_read, parts, caller, video_id)
    headers = {"ETag": f'"{board.digest}"', "Cache-Control": "private, no-cache"}
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    pictures: Shared[str, bytes] = request.app.state.pictures
    picture = await pictures.get(_key(video, board), lambda: run_in_threadpool(_picture, parts, video, board))
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get(
    "/storyboard.vtt",
    response_class=Response,
    responses={
        200: {
            "description": "WebVTT: which part of the picture shows which stretch of the video.",
            "content": {
                "text/vtt": {
                    "schema": {"type": "string"},
                    "example": "WEBVTT\n\n00:00:00.000 --> 00:00:05.000\nstoryboard.jpg#xywh=0,0,160,90\n",
                }
            },
        }
    },
)
def get_thumbnails(parts: WithParts, caller: Reader, video_id: UUID) -> Response:
    """Thumbnails as players take them (Vidstack, video.js, JW Player): each cue names its part of `storyboard.jpg`, which lies beside this.
    What was not sampled has none.
    """
    video, board = _read(parts, caller, video_id)
    cues = (
        f"\n{clock(tile.span.start_ms)} --> {clock(tile.span.end_ms)}\nstoryboard.jpg#xywh={','.join(map(str, tile.box))}\n"
        for tile in board.tiles
    )
    return sent(["WEBVTT\n", *cues], f"{name_of(video)}.storyboard.vtt", "text/vtt", disposition="inline")


def _read(parts: Parts, caller: Caller, video_id: UUID) -> tuple[Video, Storyboard]:
    """Raises `NotFound`, `NotSampled`, `NeverRead` or `Gone`."""
    with parts.sessions.begin() as session:
        video = videos.get(session, caller.workspace_id, video_id)
        board = _board(session, video, parts.settings)
        if not board.tiles:
            if windows.lost_frames(session, video_id):
                raise Gone("The frames of this video were deleted (PLAYHEAD_FRAMES_KEPT); ask again, and they are sampled anew.")
            videos.ensure_awaited(session, video_id)
            raise NotSampled("No frame of this video has been sampled yet; try again once its job has begun to.")
    return video, board


def _board(session: Session, video: Video, settings: Settings) -> Storyboard:
    """Each place shows the sampled frame that is nearest to the middle of its stretch."""
    duration_ms = video.duration_ms or 0
    places = places_of(duration_ms, at_most=settings.storyboard_frames)
    sampled = windows.with_stored_frames(session, video.id)
    chosen = {place: key for place in places if (key := _window(sampled, middle(place)))}
    times = windows.frame_times(session, set(chosen.values()))
    columns, width = settings.storyboard_columns, settings.storyboard_width
    height = min(max(round(width * (video.height or 9) / (video.width or 16)), 1), LONGEST_EDGE * width)
    tiles = [
        Tile(place, (number % columns * width, number // columns * height, width, height), key, _nearest(times[key], middle(place)))
        for number, place in enumerate(places)
        if (key := chosen.get(place)) in times
    ]
    return Storyboard((columns * width, -(-len(places) // columns) * height), tiles)


def places_of(duration_ms: int, *, at_most: int) -> list[Span]:
    """The video in stretches of the same length, of a second or more. They follow from its duration alone, so that nothing moves while
    more and more frames are sampled.
    """
    return divide(Span(0, duration_ms), min(max(duration_ms // 1000, 1), at_most))


def middle(span: Span) -> int:
    return (span.start_ms + span.end_ms) // 2


def _window(sampled: Sequence[tuple[int, int, str]], time_ms: int) -> str | None:
    return next((key for start_ms, end_ms, key in sampled if start_ms <= time_ms < end_ms), None)


def _nearest(times: Sequence[int], time_ms: int) -> int:
    return min(times, key=lambda time: abs(time - time_ms))


def _picture(parts: Parts, video: Video, board: Storyboard) -> bytes:
    """The stored one, or a new one that takes its place: of a video there is one, whatever it was made of."""
    key = _key(video, board)
    with suppress(NotFound):
        return parts.blobs.get(key)
    with _turn():
        made = paint(board.size, _frames(parts.blobs, board.tiles), max_pixels=parts.settings.max_frame_pixels)
    with suppress(BlobsUnavailable):  # a full storage is no reason to keep it from the caller
        parts.blobs.put(key, made)
        for former in parts.blobs.keys(_folder(video)):
            if former != key:
                parts.blobs.delete(former)
    return made


def _folder(video: Video) -> str:
    return storyboard_prefix(video.id, video.frames_generation)


def _key(video: Video, board: Storyboard) -> str:
    return f"{_folder(video)}/{board.digest}.jpg"


@contextmanager
def _turn() -> Iterator[None]:
    """Raises `TooManyStoryboards`."""
    if not PAINTERS.acquire(timeout=TURN_S):
        raise TooManyStoryboards("As many storyboards are being made here as may; try again in a moment.", retry_after_s=2)
    try:
        yield
    finally:
        PAINTERS.release()


def _frames(blobs: Blobs, tiles: Sequence[Tile]) -> Iterator[tuple[tuple[int, int, int, int], bytes]]:
    """The frames with their places; a blob is opened once. Raises `Gone` where one was deleted just now."""

    def read(key: str, of_blob: Sequence[Tile]) -> list[tuple[tuple[int, int, int, int], bytes]]:
        blob = blobs.open(key)
        return [(tile.box, pick(blob, tile.pts_ms)) for tile in of_blob]

    groups = [(key, list(of_blob)) for key, of_blob in groupby(tiles, key=lambda tile: tile.frames_key)]
    with ThreadPoolExecutor(READERS) as pool:
        try:
            for frames in pool.map(read, *zip(*groups, strict=True)):
                yield from frames
        except NotFound as error:
            raise Gone("The frames of this video were deleted just now.") from error
