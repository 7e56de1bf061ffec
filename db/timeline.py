"""The timeline of a video in buckets: how many events of each type, and how much of it was analysed."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Integer, case, cast, func, literal, select, true
from sqlalchemy.orm import Session

from core.spans import Span, subtract, subtract_all
from db.filters import Filter, conditions
from db.models import Event, Job, Window

TYPES = 100
"""Types that are counted one by one, the most frequent ones: with types that a model makes up there may be any number."""


class Count(NamedTuple):
    """How many events of a type a bucket has; None: of all types beyond those that are counted one by one."""

    bucket: int
    type: str | None
    events: int


def counts(session: Session, wanted: Filter, whole: Span, *, buckets: int) -> list[Count]:
    """Events in each bucket that they overlap, by one query. The buckets are those of `core.spans.divide`."""
    n, length, given = cast(buckets, BigInteger), cast(whole.length_ms, BigInteger), wanted.given()

    def bucket(time_ms: Any) -> Any:
        return cast((time_ms - whole.start_ms + 1) * n - 1, BigInteger).op("/")(length).cast(Integer)

    chosen = (
        select(
            Event.type,
            bucket(func.greatest(Event.start_ms, whole.start_ms)).label("first"),
            bucket(func.least(Event.end_ms, whole.end_ms) - 1).label("last"),
        )
        .where(*conditions(given, wanted.match), Event.start_ms < whole.end_ms, Event.end_ms > whole.start_ms)
        .cte("chosen")
    )
    ranked = select(chosen.c.type).group_by(chosen.c.type).order_by(func.count().desc(), chosen.c.type).limit(TYPES).cte("ranked")
    each = func.generate_series(chosen.c.first, chosen.c.last).table_valued("bucket").render_derived()
    named = case((chosen.c.type.in_(select(ranked.c.type)), chosen.c.type), else_=literal(None))
    query = (
        select(each.c.bucket, named.label("named"), func.count()).select_from(chosen).join(each, true()).group_by(each.c.bucket, "named")
    )
    return [Count(*row) for row in session.execute(query, given)]


def analysed(session: Session, video_id: UUID, duration_ms: int, *, job_id: UUID | None) -> list[Span]:
    """What of a video any of its jobs, or this one, has analysed so far."""
    query = select(Job.id, Job.coverage).where(Job.video_id == video_id)
    jobs = session.execute(query if job_id is None else query.where(Job.id == job_id)).all()
    whole = Span(0, duration_ms)
    done = [span for _, coverage in jobs if coverage for span in _covered(whole, coverage)]
    return [*done, *_so_far(session, [job for job, coverage in jobs if coverage is None])]


def _covered(whole: Span, coverage: dict[str, Any]) -> list[Span]:
    """A job that failed before the video's length was known has no gaps either."""
    if not (coverage["ratio"] or coverage["gaps"]):
        return []
    return subtract(whole, (Span(gap["start_ms"], gap["end_ms"]) for gap in coverage["gaps"]))


def _so_far(session: Session, job_ids: Iterable[UUID]) -> list[Span]:
    """Of jobs that have not ended: windows that are done, less what is a gap in any of them."""
    query = select(Window.start_ms, Window.end_ms, Window.gaps)
    rows = session.execute(query.where(Window.job_id.in_(list(job_ids)), Window.pass_ == 0, Window.state == "done")).all()
    return [
        span
        for start_ms, end_ms, gaps in rows
        for span in subtract_all([Span(start_ms, end_ms)], (Span(start, end) for start, end, _ in gaps))
    ]
