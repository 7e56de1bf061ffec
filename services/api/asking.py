"""A question about a video becomes a job."""

from typing import Any

from sqlalchemy.orm import Session

from core.request import JobRequest
from core.settings import Settings
from db import jobs, quotas
from db.models import Fetch, Job, Plan, Video
from services.api.door import Caller


def submit(session: Session, video: Video, request: JobRequest, settings: Settings, *, by: Caller) -> tuple[Job, Plan]:
    """The job and its plan, in the caller's transaction; with a warning for what of the question goes unanswered.

    Raises what `JobRequest.resolved` raises, and `QuotaExceeded`.
    """
    _admit(session, by, settings)
    job, plan = jobs.submit(session, video, request.resolved(settings).model_dump(mode="json"), deadline=settings.job_deadline)
    job.warnings = request.warnings(settings)
    return job, plan


def expect(session: Session, video: Video, request: JobRequest, settings: Settings, *, by: Caller, **fetch: Any) -> tuple[Job, Fetch]:
    """The same about a video whose bytes are yet to be brought in, which is an upload of the caller's; `fetch` are the columns of `Fetch`
    that say whence.
    """
    quotas.spend(session, by.key_id, "uploads", limit=by.max_uploads_a_day)
    _admit(session, by, settings)
    asked = request.resolved(settings).model_dump(mode="json")
    job, fetching = jobs.expect(session, video, asked, deadline=settings.job_deadline, **fetch)
    job.warnings = request.warnings(settings)
    return job, fetching


def _admit(session: Session, by: Caller, settings: Settings) -> None:
    quotas.spend(session, by.key_id, "jobs", limit=by.max_jobs_a_day)
    quotas.open_job(session, by.workspace_id, settings)
