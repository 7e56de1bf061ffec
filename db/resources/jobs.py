"""A job as it is shown."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from db.models import Job, JobRow
from db.resources.estimates import EstimateOut
from db.resources.progress import Progress, progress
from db.standings import Standing, Tally

JobStatus = Literal["queued", "processing", "succeeded", "partial", "failed", "canceling", "canceled"]


class GapOut(BaseModel):
    """A stretch of the video that was not analysed, and the code of the reason."""

    start_ms: int
    end_ms: int
    reason: str = Field(examples=["unreadable", "budget"])


class CoverageOut(BaseModel):
    """How much of the video was analysed. `ratio` is 1 only if all of it was."""

    ratio: float
    gaps: list[GapOut]


class UsageOut(BaseModel):
    """What the model's provider counted and charged so far."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float = Field(description="As the provider charged it; its tokens at the estimate's price where it does not say.")
    uncertain_usd: float = Field(
        description="The part of `cost_usd` that calls may have cost whose bill never came (they timed out, or a worker died): as much as "
        "they can have cost."
    )
    reserved_usd: float = Field(description="The most that calls in flight may cost.")


class Reason(BaseModel):
    """What went wrong: `code` is stable, `detail` says what to do."""

    code: str
    detail: str


class JobOut(BaseModel):
    """One question asked of one video. `partial` means that some windows failed; `coverage.gaps` says what was not analysed."""

    id: UUID
    object: Literal["job"] = "job"
    video_id: UUID
    status: JobStatus
    stage: str = Field(
        description="`fetch` (the video's bytes are brought in), `plan`, `sample` (frames are decoded and the model is asked meanwhile), "
        "`refine` (second looks), `done`."
    )
    progress: Progress
    estimate: EstimateOut | None = Field(description="What it was expected to cost. Null until the video was looked at.")
    coverage: CoverageOut | None = Field(description="Null until the job ends.")
    usage: UsageOut
    error: Reason | None
    warnings: list[Reason] = Field(description="What you should know while it runs: a model that is away, a question that goes unanswered.")
    request: dict[str, Any] = Field(description="What is being carried out, defaults filled in.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, job: Job | JobRow, standing: Standing) -> "JobOut":
        same = {name: getattr(job, name) for name in cls.model_fields if name not in {"object", "progress", "usage", "error"}}
        error = {"code": job.error["code"], "detail": job.error["detail"]} if job.error else None
        return cls.model_validate({**same, "progress": progress(job, standing), "usage": _usage(standing.tally), "error": error})


def _usage(tally: Tally) -> UsageOut:
    return UsageOut(
        calls=tally.calls,
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cost_usd=float(tally.cost_usd),
        uncertain_usd=float(tally.uncertain_usd),
        reserved_usd=float(tally.reserved_usd),
    )
