"""Segments and windows: what the workers read and write between a claim and its end."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, cast, exists, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, defer

from core.gaps import UNANSWERED
from db.models import Job, Segment, Window

_HAS_FRAMES = func.cardinality(Window.frame_pts_ms) > 0

SLIM = (defer(Window.signals, raiseload=True), defer(Window.raw_reply, raiseload=True))


def add_segments(session: Session, rows: list[dict[str, Any]]) -> list[UUID]:
    """Insert a plan's segments; those that are there already stay. Returns the ids of the new ones."""
    query = insert(Segment).values(rows).on_conflict_do_nothing(index_elements=["job_id", "pass", "seq"])
    return list(session.scalars(query.returning(Segment.id)))


def add(session: Session, row: dict[str, Any]) -> UUID | None:
    """Insert a sampled window, or give back its frames to one whose were deleted before it was retried. None: an earlier attempt at the
    segment brought it already, maybe with an answer; that one stays.
    """
    query = insert(Window).values(row)
    new = {name: query.excluded[name] for name in ("frames_key", "frame_pts_ms", "shown_pts_ms", "signals", "state", "error")}
    anew = query.on_conflict_do_update(
        index_elements=["job_id", "pass", "seq"], set_={**new, "not_before": func.clock_timestamp()}, where=Window.frames_key.is_(None)
    )
    return session.scalars(anew.returning(Window.id)).one_or_none()


def seqs(session: Session, job_id: UUID, *, pass_: int) -> set[int]:
    """Windows of one pass of a job that are sampled already, and need no frames any more."""
    query = select(Window).where(Window.job_id == job_id, Window.pass_ == pass_).options(*SLIM, defer(Window.detections))
    return {window.seq for window in session.scalars(query) if not (window.frames_key is None and wants_an_answer(window))}


def wants_an_answer(window: Window) -> bool:
    """Whether it has ended without one, or without one for all of its frames."""
    if window.state == "done":
        return any(reason in UNANSWERED for _, _, reason in window.gaps)
    return window.state in ("failed", "canceled") and bool(window.frame_pts_ms)


def sampled(session: Session, frames_keys: Iterable[str]) -> dict[str, Window]:
    """Stored frames by key, from whichever job had them sampled."""
    rows = session.scalars(select(Window).where(Window.frames_key.in_(list(frames_keys))))
    return {str(window.frames_key): window for window in rows}


def with_frames(session: Session, video_id: UUID) -> list[tuple[dict[str, Any], Window]]:
    """Every window of a video's timeline whose frames are stored, with the sampling that its job asked for, in order of time."""
    query = select(Job.request["sampling"], Window).join(Job, Window.job_id == Job.id).where(Job.video_id == video_id, Window.pass_ == 0)
    rows = session.execute(query.where(Window.frames_key.is_not(None)).order_by(Window.start_ms, Window.seq).options(*SLIM))
    return [(sampling, window) for sampling, window in rows]


def with_stored_frames(session: Session, video_id: UUID) -> list[tuple[int, int, str]]:
    """Where the windows of a video's timeline lie that have frames, `(start_ms, end_ms, frames_key)`, in order, each once."""
    query = select(Window.start_ms, Window.end_ms, Window.frames_key).join(Job, Window.job_id == Job.id)
    rows = query.where(Job.video_id == video_id, Window.pass_ == 0, Window.frames_key.is_not(None), _HAS_FRAMES).distinct()
    return [(start_ms, end_ms, str(key)) for start_ms, end_ms, key in session.execute(rows.order_by(*rows.selected_columns))]


def frame_times(session: Session, frames_keys: Iterable[str]) -> dict[str, list[int]]:
    """The times of stored frames, by key."""
    query = select(Window.frames_key, Window.frame_pts_ms).where(Window.frames_key.in_(list(frames_keys)))
    return {str(key): times for key, times in session.execute(query)}


def lost_frames(session: Session, video_id: UUID) -> bool:
    """Whether sampled frames of a video were deleted."""
    gone = exists().where(Job.video_id == video_id, Window.job_id == Job.id, Window.frames_key.is_(None), _HAS_FRAMES)
    return bool(session.scalar(select(gone)))


def waiting(session: Session, job_id: UUID) -> int:
    """How many of a job's windows are sampled and not yet answered."""
    return session.scalars(select(func.count()).where(Window.job_id == job_id, Window.state.in_(("pending", "running")))).one()


def of_job(session: Session, job_id: UUID) -> tuple[list[Window], list[Window]]:
    """A job's windows in order, without what is large and read by nobody who reads them all: those that cover the timeline, and those
    that are second looks, but for those that a retry made anew.
    """
    rows = list(session.scalars(select(Window).where(Window.job_id == job_id).order_by(Window.pass_, Window.seq).options(*SLIM)))
    return [row for row in rows if row.pass_ == 0], [row for row in rows if row.look is not None]


def before(session: Session, window: Window) -> Window | None:
    """The window before, where it is done."""
    query = select(Window).where(Window.job_id == window.job_id, Window.pass_ == 0, Window.seq == window.seq - 1)
    return session.scalars(query.where(Window.state == "done").options(defer(Window.signals), defer(Window.raw_reply))).one_or_none()


def bad_replies(session: Session, job_id: UUID) -> dict[str, int]:
    """How many replies to a job's calls could not be used, by kind."""
    bad = func.jsonb_each_text(Window.raw_reply["bad"]).table_valued("key", "value")
    count = func.sum(cast(bad.c.value, Integer))
    rows = session.execute(
        select(bad.c.key, count).select_from(Window).join(bad, true()).where(Window.job_id == job_id).group_by(bad.c.key)
    )
    return {kind: int(number) for kind, number in sorted(tuple(row) for row in rows)}


def segments_of_job(session: Session, job_id: UUID) -> list[Segment]:
    """Those that cover the timeline, in order."""
    return list(session.scalars(select(Segment).where(Segment.job_id == job_id, Segment.pass_ == 0).order_by(Segment.seq)))


def asked(session: Session, job_id: UUID) -> list[tuple[int, dict[str, Any]]]:
    """The second looks of a job, each with its pass: those that have a window, and those that their segment has not come to."""
    sampled = {
        (pass_, seq): look
        for pass_, seq, look in session.execute(
            select(Window.pass_, Window.seq, Window.look).where(Window.job_id == job_id, Window.pass_ > 0)
        )
    }
    planned = session.execute(select(Segment.pass_, Segment.windows).where(Segment.job_id == job_id, Segment.pass_ > 0))
    ahead = [(pass_, look) for pass_, placed in planned for seq, _, _, look in placed if (pass_, seq) not in sampled]
    return [*((pass_, look) for (pass_, _), look in sampled.items() if look is not None), *ahead]


def next_places(session: Session, job_id: UUID, *, pass_: int) -> tuple[int, int]:
    """The first numbers that no window and no segment of a pass has had."""
    segments = list(session.scalars(select(Segment).where(Segment.job_id == job_id, Segment.pass_ == pass_)))
    windows = select(func.coalesce(func.max(Window.seq) + 1, 0)).where(Window.job_id == job_id, Window.pass_ == pass_)
    planned = (row[0] + 1 for segment in segments for row in segment.windows)
    return max([session.scalars(windows).one(), *planned]), max((segment.seq + 1 for segment in segments), default=0)


def get(session: Session, window_id: UUID) -> Window | None:
    return session.get(Window, window_id)
