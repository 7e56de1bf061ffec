"""Videos: queries."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from core.blobs import frames_prefix, video_prefix
from core.errors import NeverRead, NotArrived, NotFound, NotProbed, Unprocessable
from db import doomed, uploads
from db.models import Job, Video, Window
from db.pages import Page, decode, encode


def get(session: Session, workspace_id: UUID, video_id: UUID) -> Video:
    """Raises `NotFound`, also for another workspace's video."""
    video = session.scalars(select(Video).where(Video.id == video_id, Video.workspace_id == workspace_id)).one_or_none()
    if video is None:
        raise NotFound(f"There is no video {video_id}.")
    return video


def arrived(session: Session, workspace_id: UUID, video_id: UUID) -> Video:
    """The same, for what needs its bytes. Raises `NotArrived` too, and `NeverRead`."""
    video = get(session, workspace_id, video_id)
    if video.sha256 is None:
        ensure_awaited(session, video_id)
        raise NotArrived("The bytes of this video are not here yet; the job that came with it tells how far they are.")
    return video


def probed(session: Session, workspace_id: UUID, video_id: UUID) -> Video:
    """The same, for what needs what its packets say. Raises `NotProbed` too, and `NeverRead`."""
    video = get(session, workspace_id, video_id)
    if video.duration_ms is None:
        ensure_awaited(session, video_id)
        raise NotProbed("No worker has looked at this video yet, so nobody knows how long it is; try again in a moment.")
    return video


def ensure_awaited(session: Session, video_id: UUID) -> None:
    """Raises `NeverRead` where no job is open that could still read the video."""
    open_or_last = select(Job).where(Job.video_id == video_id).order_by(Job.completed_at.desc().nulls_first()).limit(1)
    job = session.scalars(open_or_last).one_or_none()
    if job is not None and job.completed_at is not None:
        why = job.error["detail"] if job.error else "Retry it."
        raise NeverRead(f"The job {job.id}, which was to read this video, ended `{job.status}`. {why}", job_id=str(job.id))


def page(session: Session, workspace_id: UUID, *, custom_id: str | None, limit: int, cursor: str | None) -> Page[Video]:
    """Newest first."""
    query = select(Video).where(Video.workspace_id == workspace_id).order_by(Video.id.desc()).limit(limit + 1)
    if custom_id is not None:
        query = query.where(Video.custom_id == custom_id)
    if cursor is not None:
        query = query.where(Video.id < as_id(decode(cursor, sort="-id", places=1)[0]))
    rows = list(session.scalars(query))
    return Page(rows[:limit], encode("-id", [str(rows[limit - 1].id)]) if len(rows) > limit else None)


def as_id(value: object) -> UUID:
    """An id out of a cursor, which anybody may have written. Raises `Unprocessable`."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Unprocessable("This is not a cursor of this list; start again without one.", field="cursor") from error


def with_idle_frames(session: Session, *, kept: timedelta) -> list[UUID]:
    """Videos whose sampled frames no job has used for so long."""
    return list(session.scalars(select(Video.id).where(Video.frames_used_at < func.clock_timestamp() - kept).limit(100)))


def forget_frames(session: Session, video_id: UUID, *, again_after: timedelta) -> None:
    """Delete the sampled frames of a video that no job works on; whoever samples next begins a new generation of them.

    The video is locked against new jobs; where one is open, its end is what counts.
    """
    video = session.scalars(select(Video).where(Video.id == video_id, Video.frames_used_at.is_not(None)).with_for_update()).one_or_none()
    if video is None:
        return
    video.frames_used_at = None
    if session.scalar(select(exists().where(Job.video_id == video_id, Job.completed_at.is_(None)))):
        return
    doomed.doom(session, frames_prefix(video_id, video.frames_generation), after=timedelta(0), again_after=again_after)
    video.frames_generation += 1
    session.execute(update(Window).where(Window.job_id.in_(select(Job.id).where(Job.video_id == video_id))).values(frames_key=None))


def remove(session: Session, workspace_id: UUID, video_id: UUID, *, again_after: timedelta) -> None:
    """Delete a video with its jobs and events, and doom its blobs. Raises `NotFound`.

    The jobs are locked first, in the order in which workers lock: job, then work.
    """
    video = get(session, workspace_id, video_id)
    session.execute(select(Job.id).where(Job.video_id == video_id).order_by(Job.id).with_for_update())
    uploads.doom_of_video(session, video_id)
    doomed.doom(session, video_prefix(video.id), after=timedelta(0), again_after=again_after)
    session.execute(delete(Video).where(Video.id == video_id))
