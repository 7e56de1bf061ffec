"""A question about a video becomes a job."""

from typing import Any

from sqlalchemy.orm import Session

from core.request import JobRequest
from core.settings import Settings
from db import jobs
from db.models import Fetch, Job, Plan, Video


def submit(session: Session, video: Video, request: JobRequest, settings: Settings) -> tuple[Job, Plan]:
    """The job and its plan, in the caller's transaction; with a warning for what of the question goes unanswered.

    Raises what `JobRequest.resolved` raises.
    """
    job, plan = jobs.submit(session, video, request.resolved(settings).model_dump(mode="json"), deadline=settings.job_deadline)
    job.warnings = request.warnings(settings)
    return job, plan


def expect(session: Session, video: Video, request: JobRequest, settings: Settings, **fetch: Any) -> tuple[Job, Fetch]:
    """The same about a video whose bytes are yet to be brought in; `fetch` are the columns of `Fetch` that say whence."""
    asked = request.resolved(settings).model_dump(mode="json")
    job, fetching = jobs.expect(session, video, asked, deadline=settings.job_deadline, **fetch)
    job.warnings = request.warnings(settings)
    return job, fetching
