"""Rows to start from: a video, a job and its windows, written by the same functions as the product's."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import Range
from uuid_utils.compat import uuid7

from core.blobs import source_key
from core.request import EventType, JobRequest, Sampling
from core.settings import Settings
from db import jobs, keys, windows
from db.models import Job, Plan, Segment, Video, Window
from db.session import Sessions

RECORDED_AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def workspace(sessions: Sessions, name: str = "default") -> UUID:
    with sessions.begin() as session:
        key = keys.create(session, name="rows", scopes=["read"], workspace=name)
        session.flush()
        found = keys.find(session, key)
        assert found is not None
        return found.workspace_id


def video(sessions: Sessions, workspace_id: UUID, **values: Any) -> Video:
    """A video of two minutes, recorded at eight in the morning."""
    video_id = uuid7()
    made = Video(
        id=video_id,
        workspace_id=workspace_id,
        blob_key=source_key(video_id),
        sha256="0" * 64,
        bytes=1,
        media_type="video/mp4",
        **{"duration_ms": 120_000, "recorded_at": RECORDED_AT, **values},
    )
    with sessions.begin() as session:
        session.add(made)
    return made


def job(
    sessions: Sessions,
    of: Video,
    settings: Settings,
    *,
    analyzer: Literal["model", "signals"] = "model",
    kinds: tuple[str, ...] = ("car",),
    sampling: Sampling | None = None,
    budget_usd: float | None = None,
) -> tuple[Job, Plan]:
    types = tuple(EventType(id=kind, description=f"a {kind}") for kind in kinds if analyzer == "model")
    asked = JobRequest(analyzer=analyzer, event_types=types, sampling=sampling or Sampling(), budget_usd=budget_usd)
    request = asked.resolved(settings.model_copy(update={"model_api_key": SecretStr("key")}))
    with sessions.begin() as session:
        return jobs.submit(session, of, request.model_dump(mode="json"), deadline=timedelta(hours=1))


def planned(sessions: Sessions, job: Job, *, spans: list[tuple[int, int]]) -> list[Window]:
    """The job past its plan, with one segment that is done and a pending window for each span, a frame a second."""
    with sessions.begin() as session:
        session.query(Plan).filter_by(job_id=job.id).update({"state": "done"})
        session.query(Job).filter_by(id=job.id).update({"status": "processing", "stage": "sample", "windows_total": len(spans)})
        session.add(
            Segment(
                workspace_id=job.workspace_id, job_id=job.id, seq=0, state="done", windows=[[seq, *span] for seq, span in enumerate(spans)]
            )
        )
        for seq, (start_ms, end_ms) in enumerate(spans):
            windows.add(
                session,
                {
                    "workspace_id": job.workspace_id,
                    "job_id": job.id,
                    "seq": seq,
                    "start_ms": start_ms,
                    "end_ms": end_ms,
                    "frames_key": f"frames/{job.id}/{seq}",
                    "frame_pts_ms": list(range(start_ms, end_ms, 1000)),
                    "signals": [],
                },
            )
    with sessions.begin() as session:
        return windows.of_job(session, job.id)[0]


def event(window: Window, of: Video, name: str, start_ms: int, end_ms: int, **values: Any) -> dict[str, Any]:
    """An event that was found in a window, as `db.events.become` takes it: uncertain by half a second, called by its name."""
    recorded = of.recorded_at and Range(*(of.recorded_at + timedelta(milliseconds=time) for time in (start_ms, end_ms)))
    return {
        "id": uuid5(window.job_id, name),
        "workspace_id": window.workspace_id,
        "video_id": of.id,
        "job_id": window.job_id,
        "type": "car",
        "title": name,
        "description": "",
        "start_ms": start_ms,
        "end_ms": end_ms,
        "start_uncertainty_ms": 500,
        "end_uncertainty_ms": 500,
        "confidence": None,
        "confidence_source": None,
        "verification": {"status": "unverified", "reason": None},
        "evidence_pts_ms": start_ms,
        "evidence_window_id": window.id,
        "attributes": {},
        "source": {"analyzer": "signals", "model": None, "prompt_version": None, "window_ids": [str(window.id)]},
        "recorded": recorded,
        **values,
    }
