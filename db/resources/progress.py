"""How far a job is: pure."""

from pydantic import BaseModel, Field

from db.models import Job, JobRow
from db.standings import Arrival, Round, Standing

ARRIVAL = 0.1
"""The share of the bar that bringing the video's bytes in has, where that is part of the job."""

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
        "what is left. Where the video's bytes have to be brought in first, that is 10 of it.",
    )
    bytes_done: int | None = Field(description="Bytes of the video that are brought in; null where it was there before.")
    bytes_total: int | None = Field(description="How many there will be; null where that is not known.")
    windows_total: int | None
    windows_done: int
    windows_failed: int


def progress(job: Job | JobRow, standing: Standing) -> Progress:
    """Windows that their segment never came to, since it failed, have failed with it once the job is over; a canceled job's have not."""
    tally, at, arrival = standing
    total, done, failed = job.windows_total, tally.windows_done, tally.windows_failed
    if job.completed_at and job.status != "canceled":
        failed = (total or 0) - done
    share = share_done(at, refine=job.request["refine"])
    if arrival:
        share = ARRIVAL * share_arrived(arrival) + (1 - ARRIVAL) * share
    return Progress(
        percent=100.0 if job.completed_at else round(100 * share, 1),
        bytes_done=arrival.bytes_done if arrival else None,
        bytes_total=arrival.bytes_total if arrival else None,
        windows_total=total,
        windows_done=done,
        windows_failed=failed,
    )


def share_arrived(arrival: Arrival) -> float:
    """Of the video's bytes, 0 to 1; as far as it was already, where it had to begin anew."""
    return max(min(arrival.bytes_done / arrival.bytes_total, 1.0) if arrival.bytes_total else 0.0, min(arrival.furthest, 1.0))


def share_done(at: Round, *, refine: bool) -> float:
    """Of the work that comes when the video is there, 0 to 1, while it goes on."""
    part = min(at.ended / at.planned, 1.0) if at.planned else 0.0
    if not refine:
        return part
    begun, begun_next = (_begun(number) for number in (at.pass_, at.pass_ + 1))
    return begun + (begun_next - begun) * part


def _begun(pass_: int) -> float:
    """The share of the bar that lies before a pass."""
    return 1 - (1 - FIRST_LOOK) * 0.5 ** (pass_ - 1) if pass_ else 0.0
