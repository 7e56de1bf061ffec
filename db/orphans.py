"""Blobs that no row names, and rows that name a blob which is gone: `python -m db.orphans` lists both, and changes nothing.

In a running system there are next to none: what is to go is on a list (`db.doomed`), and what is made again has the same key. They come
from outside: a dump restored beside newer blobs, a bucket restored without its newest, files removed by hand.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from core.blobs import Blobs, index_key, storyboard_prefix, upload_prefix, video_prefix
from core.configuration import read
from core.errors import BlobsUnavailable, PlayheadError
from core.settings import Settings
from db.models import DoomedBlobs, Job, Upload, Video, Window
from db.session import Sessions, make_engine

SAYS = {
    "unnamed": "no row names it",
    "gone": "a row names it, and it is not there",
}


@dataclass(frozen=True, slots=True)
class Orphan:
    """`unnamed`: all blobs below `key` have no row. `gone`: the row of this video, or of one of its windows, has no blob of this key."""

    kind: Literal["unnamed", "gone"]
    key: str
    video_id: UUID | None = None


def find(sessions: Sessions, blobs: Blobs) -> Iterator[Orphan]:
    """All there are, video by video. What is on the list of blobs to delete, or being written by an open job, is not among them.

    Raises `BlobsUnavailable` where storage and database have nothing in common, as one of them is the wrong one then.
    """
    blobs.check()
    there = blobs.folders("videos") | blobs.folders("uploads")
    with sessions.begin() as session:
        known = {
            *map(video_prefix, session.scalars(select(Video.id))),
            *map(upload_prefix, session.scalars(select(Upload.id))),
            *session.scalars(select(DoomedBlobs.prefix)),
        }
    if (there or known) and not there & known:
        raise BlobsUnavailable("The storage holds nothing that the database knows. Are both settings right, and is the folder mounted?")
    yield from (Orphan("unnamed", folder) for folder in sorted(there - known))
    with sessions.begin() as session:
        video_ids = list(session.scalars(select(Video.id).order_by(Video.id)))
    for video_id in video_ids:
        keys = set(blobs.keys(video_prefix(video_id)))
        with sessions.begin() as session:
            yield from _of_video(session, video_id, keys)


def _of_video(session: Session, video_id: UUID, keys: set[str]) -> Iterator[Orphan]:
    video = session.get(Video, video_id)
    if video is None:  # deleted meanwhile
        return
    source, frames = video.blob_key, _frames(session, video_id)
    made = storyboard_prefix(video_id, video.frames_generation)
    named = {source, *frames} if video.sha256 else frames  # its bytes may be yet to come
    yield from (Orphan("gone", key, video_id) for key in sorted(named - keys))
    if _is_open(session, video_id):
        return
    doomed = tuple(session.scalars(select(DoomedBlobs.prefix)))
    unnamed = keys - {source, index_key(video_id), *frames}
    yield from (Orphan("unnamed", key, video_id) for key in sorted(unnamed) if not key.startswith((*doomed, made)))


def _is_named(session: Session, folder: str) -> bool:
    rows = (exists().where(func.concat(kind, row.id) == folder) for kind, row in (("videos/", Video), ("uploads/", Upload)))
    return any(session.scalar(select(named)) for named in rows)


def _frames(session: Session, video_id: UUID) -> set[str]:
    query = select(Window.frames_key).join(Job, Window.job_id == Job.id).where(Job.video_id == video_id, Window.frames_key.is_not(None))
    return {str(key) for key in session.scalars(query.where(func.cardinality(Window.frame_pts_ms) > 0))}


def _is_open(session: Session, video_id: UUID) -> bool:
    return bool(session.scalar(select(exists().where(Job.video_id == video_id, Job.completed_at.is_(None)))))


def delete(sessions: Sessions, blobs: Blobs, orphan: Orphan) -> bool:
    """Delete blobs that no row names, unless one does by now; whether they were deleted.

    The video's row is locked while one of its blobs goes, so that no job can begin that would write the same key and name it. What lies
    where there is no video can't become one: an upload is on the list of blobs to delete from before its first byte until it is one.
    """
    with sessions.begin() as session:
        if orphan.video_id is None:
            if _is_named(session, orphan.key):
                return False
        else:
            video = session.scalars(select(Video).where(Video.id == orphan.video_id).with_for_update()).one_or_none()
            if video and (_is_open(session, video.id) or orphan.key in {video.blob_key, *_frames(session, video.id)}):
                return False
            blobs.delete(orphan.key)
            return True
    blobs.delete_prefix(orphan.key)
    return True


def forget(sessions: Sessions, orphan: Orphan) -> bool:
    """Let go of sampled frames that are gone: evidence says so (410), and whoever needs them samples again. A video's own bytes can't be
    let go of: False.
    """
    with sessions.begin() as session:
        forgotten = update(Window).where(Window.frames_key == orphan.key).values(frames_key=None).returning(Window.id)
        return session.execute(forgotten).first() is not None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m db.orphans", description="Find blobs without a row, and rows without their blob.")
    parser.add_argument("--delete", action="store_true", help="delete blobs that no row names")
    parser.add_argument(
        "--forget", action="store_true", help="let go of sampled frames that are gone; look first whether they can come back"
    )
    arguments = parser.parse_args()
    settings = read(Settings)
    sessions, blobs = Sessions(make_engine(settings)), Blobs(settings.blobs_url)
    left = 0
    try:
        for orphan in find(sessions, blobs):
            done = (arguments.delete and orphan.kind == "unnamed" and delete(sessions, blobs, orphan)) or (
                arguments.forget and orphan.kind == "gone" and forget(sessions, orphan)
            )
            left += not done
            print(f"{orphan.key}: {SAYS[orphan.kind]}{'; put right' if done else ''}", flush=True)
    except PlayheadError as error:
        sys.exit(error.detail)
    sys.exit(3 if left else 0)


if __name__ == "__main__":
    main()
