"""Where pieces of work end, and jobs with them. Everything here runs inside one transaction that holds the job's row, so the last
piece of work sees that it is the last, and a job is settled once.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from core.errors import BudgetSpent
from core.gaps import UNANSWERED
from core.queue import SAMPLE, Bell
from core.spans import Span, subtract
from db import budgets, events, jobs, leases, windows
from db.leases import LeaseLost
from db.models import Job, Segment, Video, Window, Work
from workers import advice
from workers.announcing import announce
from workers.events.coverage import Coverage, CoverageGap, coverage
from workers.events.detection import UNVERIFIED, Detection, MergedEvent, WindowResult
from workers.events.joining import looked_at
from workers.events.merge import merge
from workers.events.refine import refined
from workers.events.stock import has_stock_times
from workers.frames.frame import Gap
from workers.looking import plan_looks, sights
from workers.model.kinds import of_the_decoder

OVERLAPPED = (
    "{failed} of {total} windows failed. Their neighbours saw all of the same time, so there is no gap; but it was looked at once "
    "instead of twice. Retry the job to have them done after all."
)

BAD_REPLIES = (
    "{total} of the model's replies could not be used ({kinds}). What they were about was asked for again; a gap of the coverage is what "
    "brought no answer even so."
)

NOT_VERIFIED = (
    "{unverified} of {total} events are `unverified`: no second look brought an answer that could be used for them. They stay as the first "
    "look found them. Ask again in a new job to have them looked at once more."
)

STOCK_TIMES = (
    "In {windows} of {total} windows the model stated many events of one length, or in one rhythm. That may be so, or it did not look: "
    "`refine` tells."
)

SPENT = "The job's budget left no room for another call. Retry the job with a larger `budget_usd` to have the rest analysed."

Lost = tuple[Span, str]
"""A stretch that was not analysed, and the code of the reason."""


def close(session: Session, work: Work, **values: Any) -> list[Bell]:
    """End a piece of work in the state given, and settle the job if nothing is open. Returns what is to be rung for after the commit: the
    second looks that the job turned out to need, or the webhooks that tell of its end.

    Raises `LeaseLost`; then nothing is written.
    """
    job = jobs.lock(session, work.job_id)
    if job is None:
        raise LeaseLost
    row = leases.hold(session, work)
    if isinstance(row, Window):
        budgets.forfeit(session, row)
        if row.detections is not None and values["state"] != "done":  # what was answered before a retry stays
            values |= {"state": "done", "error": None}
    for name, value in values.items():
        setattr(row, name, value)
    row.lease_token = row.lease_until = None
    if isinstance(row, Window):
        job.revision += 1
    session.flush()
    if job.status == "processing" and budgets.is_closed(session, job.id):
        jobs.stop_work(session, job.id, error=BudgetSpent(SPENT).as_dict())
        jobs.warn(session, job.id, code=BudgetSpent.code, detail=SPENT)
    return advance(session, job)


def advance(session: Session, job: Job, *, in_time: bool = True) -> list[Bell]:
    """Settle the job if nothing is open, unless it needs second looks; see `close`. Safe to run twice."""
    if job.completed_at is None and not jobs.is_open(session, job.id):
        return _settle(session, job, in_time=in_time)
    return []


def expire(session: Session, job: Job) -> list[Bell]:
    """Close a job that is past its deadline with what it has."""
    late = {"code": "deadline", "detail": advice.ADVICE["deadline"].what}
    jobs.end_work(session, job.id, error=late)
    jobs.warn(session, job.id, **advice.told(late))
    return advance(session, job, in_time=False)


def _settle(session: Session, job: Job, *, in_time: bool) -> list[Bell]:
    jobs.compute_long(session)
    looked, looked_again = windows.of_job(session, job.id)
    video = session.get_one(Video, job.video_id)
    found = merged(video, looked)
    may_look = in_time and job.status == "processing" and not budgets.is_closed(session, job.id)
    if may_look and (again := plan_looks(session, job, video, found, looked_again)):
        return [(SAMPLE, segment_id) for segment_id in again]
    _end(session, job, video, looked, looked_again)
    return announce(session, job)


def _end(session: Session, job: Job, video: Video, looked: list[Window], looked_again: list[Window]) -> None:
    """The job's last events, coverage, verdict and warnings."""
    beginning = jobs.beginning(session, job.id)
    job.completed_at = func.clock_timestamp()
    job.stage = "done"
    job.replies_forgotten = False
    budgets.forfeit_all(session, job.id)
    video.frames_used_at = job.completed_at
    if beginning.state != "done":
        job.status = "canceled" if beginning.state == "canceled" else "failed"
        job.error = advice.told(beginning.error) if beginning.error else None
        reason = str(beginning.error["code"]) if beginning.error else "canceled"
        whole = [CoverageGap(0, video.duration_ms, reason)] if video.duration_ms else []
        job.coverage = {"ratio": 0.0, "gaps": [gap._asdict() for gap in whole]}
        return
    rows = event_rows(job, video, looked, looked_again)
    events.become(session, job.id, rows, provisional=False)
    unverified = sum(row["verification"]["status"] == UNVERIFIED for row in rows) if job.request["refine"] else 0
    if unverified and job.status == "processing":
        jobs.warn(session, job.id, code="not_verified", detail=NOT_VERIFIED.format(unverified=unverified, total=len(rows)))
    covered = _covered(session, job, video, looked)
    if (failed := sum(window.state == "failed" or bool(_lost(window)) for window in looked)) and not covered.gaps:
        jobs.warn(session, job.id, code="windows_failed", detail=OVERLAPPED.format(failed=failed, total=len(looked)))
    if job.request["analyzer"] == "model" and (stock := sum(has_stock_times(_result(window)) for window in looked if window.detections)):
        jobs.warn(session, job.id, code="stock_times", detail=STOCK_TIMES.format(windows=stock, total=len(looked)))
    if bad := windows.bad_replies(session, job.id):
        kinds = ", ".join(f"{kind} {count}" for kind, count in bad.items())
        jobs.warn(session, job.id, code="bad_replies", detail=BAD_REPLIES.format(total=sum(bad.values()), kinds=kinds))
    job.coverage = {"ratio": covered.ratio, "gaps": [gap._asdict() for gap in covered.gaps]}
    job.status, job.error = _verdict(job, covered, looked)
    if job.status == "partial":
        errors = [*(window.error for window in looked), *(segment.error for segment in windows.segments_of_job(session, job.id))]
        for warning in advice.of_gaps((gap.reason for gap in covered.gaps), errors):
            jobs.warn(session, job.id, **warning)


def _verdict(job: Job, covered: Coverage, looked: list[Window]) -> tuple[str, dict[str, Any] | None]:
    """`succeeded` means that every window was analysed; a window that failed is not made good by neighbours that saw its time too."""
    if job.status == "canceling":
        return "canceled", None
    if not covered.gaps and all(window.state == "done" and not _lost(window) for window in looked):
        return "succeeded", None
    if any(window.state == "done" for window in looked):
        return "partial", None
    reasons = sorted({gap.reason for gap in covered.gaps})
    first = next((window.error for window in looked if window.error), None)
    return "failed", advice.told(first or {"code": reasons[0], "detail": f"Nothing could be analysed: {', '.join(reasons)}."})


def _covered(session: Session, job: Job, video: Video, looked: list[Window]) -> Coverage:
    done = [window for window in looked if window.state == "done"]
    lost = {window.id: _lost(window) for window in done}
    return coverage(
        video.duration_ms or 0,
        done=[part for window in done for part in subtract(Span(window.start_ms, window.end_ms), (gap for gap, _ in lost[window.id]))],
        gaps=[Gap(Span(start, end), reason) for window in done for start, end, reason in of_the_decoder(window.gaps)],
        failed=[*_failures(session, job, looked), *(each for losses in lost.values() for each in losses)],
    )


def _lost(window: Window) -> list[Lost]:
    """Stretches of a window that is done for which the model gave no answer; its neighbours may have one."""
    return [(Span(start_ms, end_ms), reason) for start_ms, end_ms, reason in window.gaps if reason in UNANSWERED]


def _failures(session: Session, job: Job, looked: list[Window]) -> Iterable[Lost]:
    """Windows that brought no answer, and those that were never sampled since their segment ended early."""
    for window in looked:
        if window.state != "done":
            yield Span(window.start_ms, window.end_ms), _reason(window)
    sampled = {window.seq for window in looked}
    for segment in windows.segments_of_job(session, job.id):
        for seq, start_ms, end_ms in segment.windows:
            if seq not in sampled:
                yield Span(start_ms, end_ms), _reason(segment)


def _reason(work: Window | Segment) -> str:
    if work.state == "canceled":
        return "canceled"
    return str(work.error["code"]) if work.error else "not_analysed"


def event_rows(job: Job, video: Video, looked: list[Window], looked_again: list[Window]) -> list[dict[str, Any]]:
    """What `db.events.become` takes: the events that the job's finished windows add up to, as second looks left them."""
    done = {window.id: window for window in (*looked, *looked_again) if window.detections is not None}
    found = refined(merged(video, looked), sights(looked_again), duration_ms=video.duration_ms or 0)
    return [_row(job, video, done, event) for event in found]


def merged(video: Video, looked: list[Window]) -> list[MergedEvent]:
    """The events as the windows tell of them that have an answer, before any second look."""
    return merge([_result(window) for window in looked if window.detections is not None], duration_ms=video.duration_ms or 0)


def _result(window: Window) -> WindowResult:
    span, frames = looked_at(Span(window.start_ms, window.end_ms), tuple(window.shown), (gap for gap, _ in _lost(window)))
    return WindowResult(
        window_id=window.id,
        seq=window.seq,
        span=span,
        frame_pts_ms=frames,
        detections=tuple(Detection(**detection) for detection in window.detections or ()),
    )


def _row(job: Job, video: Video, done: dict[UUID, Window], event: MergedEvent) -> dict[str, Any]:
    seen_in = done[event.evidence_window_id]
    recorded = None
    if video.recorded_at is not None:
        start, end = (video.recorded_at + timedelta(milliseconds=ms) for ms in (event.start_ms, event.end_ms))
        recorded = Range(start, end)
    return {
        "id": uuid5(job.id, event.key),
        "workspace_id": job.workspace_id,
        "video_id": job.video_id,
        "job_id": job.id,
        "type": event.type,
        "title": event.title,
        "description": event.description,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
        "start_uncertainty_ms": event.start_uncertainty_ms,
        "end_uncertainty_ms": event.end_uncertainty_ms,
        "confidence": event.confidence,
        "confidence_source": event.confidence_source,
        "verification": event.verification._asdict(),
        "evidence_pts_ms": event.evidence_pts_ms,
        "evidence_window_id": event.evidence_window_id,
        "attributes": event.attributes,
        "source": {
            "analyzer": job.request["analyzer"],
            "model": seen_in.model,
            "prompt_version": seen_in.prompt_version,
            "window_ids": [str(window_id) for window_id in event.window_ids],
        },
        "recorded": recorded,
    }
