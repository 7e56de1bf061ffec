"""A question about a video becomes a job."""

from sqlalchemy.orm import Session

from core.request import JobRequest
from core.settings import Settings
from db import jobs, quotas
from db.models import Job, Plan, Video
from services.api.context import Caller


def submit(session: Session, video: Video, request: JobRequest, settings: Settings, *, by: Caller) -> tuple[Job, Plan]:
    """The job and its plan, in the caller's transaction; with a warning for what of the question goes unanswered.

    Raises what `JobRequest.resolved` raises, and `QuotaExceeded`.
    """
    quotas.spend(session, by.key_id, "jobs", limit=by.max_jobs_a_day)
    quotas.open_job(session, by.workspace_id, settings)
    job, plan = jobs.submit(session, video, request.resolved(settings).model_dump(mode="json"), deadline=settings.job_deadline)
    job.warnings = request.warnings(settings)
    return job, plan
