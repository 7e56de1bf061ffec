"""How far a job is: pure."""

from pydantic import BaseModel, Field

from db.jobs import Round, Tally
from db.models import Job

FIRST_LOOK = 0.7
"""The first look's share of the bar where second looks follow: these cost 0.4 of it as a rule (`core.estimate`)."""


class Progress(BaseModel):
    """Windows are the unit of progress: each is about a minute of video, or a second look. Their total is null until the video was looked
    at, and grows with each round of second looks: how many there will be nobody knows before.
    """

    percent: float = Field(
        ge=0,
        le=100,
        description="Never goes back while the job runs. With `refine` the first look is 70 of it, and each round of second looks half of "
        "what is left.",
    )
    windows_total: int | None
    windows_done: int
    windows_failed: int


def progress(job: Job, tally: Tally, at: Round) -> Progress:
    """Windows that their segment never came to, since it failed, have failed with it once the job is over; a canceled job's have not."""
    total, done, failed = job.windows_total, tally.windows_done, tally.windows_failed
    if job.completed_at and job.status != "canceled":
        failed = (total or 0) - done
    percent = 100.0 if job.completed_at else round(100 * share_done(at, refine=job.request["refine"]), 1)
    return Progress(percent=percent, windows_total=total, windows_done=done, windows_failed=failed)


def share_done(at: Round, *, refine: bool) -> float:
    """Of the work of a job that goes on, 0 to 1."""
    part = min(at.ended / at.planned, 1.0) if at.planned else 0.0
    if not refine:
        return part
    begun, begun_next = (_begun(number) for number in (at.pass_, at.pass_ + 1))
    return begun + (begun_next - begun) * part


def _begun(pass_: int) -> float:
    """The share of the bar that lies before a pass."""
    return 1 - (1 - FIRST_LOOK) * 0.5 ** (pass_ - 1) if pass_ else 0.0
