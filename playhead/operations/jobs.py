"""Jobs: ask, estimate, compare, cancel, retry."""

from collections.abc import Mapping, Sequence
from typing import Any

from playhead.calls import Ask, at
from playhead.described import call, listing
from playhead.operations.asking import get, listed, post
from playhead.pages import Listed
from playhead.types import Diff, Estimate, Job


class Jobs:
    @call
    def create_job(self, video_id: str, request: Mapping[str, Any] | None = None) -> Ask[Job]:
        """Ask something else of a video that is there already."""
        return post(Job, at("/v1/videos/{}/jobs", video_id), dict(request or {}))

    @call
    def estimate(self, video_id: str, request: Mapping[str, Any] | None = None) -> Ask[Estimate]:
        """What a job with this request would cost. ApiError with the code `not_probed` until a worker has looked at the video, `never_read`
        where no job could.
        """
        return post(Estimate, at("/v1/videos/{}/estimate", video_id), dict(request or {}))

    @listing
    def jobs(self, *, video_id: str | None = None, status: Sequence[str] = (), limit: int = 100) -> Listed[Job]:
        """Newest first."""
        return listed(Job, "/v1/jobs", video_id=video_id, status=list(status) or None, limit=limit)

    @call
    def job(self, job_id: str) -> Ask[Job]:
        return get(Job, at("/v1/jobs/{}", job_id))

    @call
    def cancel(self, job_id: str) -> Ask[Job]:
        """Start no further work on it. What was found stays; a job that has ended stays as it is."""
        return post(Job, at("/v1/jobs/{}/cancel", job_id))

    @call
    def retry(self, job_id: str, *, budget_usd: float | None = None) -> Ask[Job]:
        """Have what is missing of a job analysed that ended partial, failed or canceled; what was answered is not paid for again.

        `budget_usd` is the job's new budget, what it has spent included. ApiError with the code `job_running` while it goes on,
        `nothing_to_retry` where it has all that can be had, `budget` where it ended at its budget and is given no larger one.
        """
        return post(Job, at("/v1/jobs/{}/retry", job_id), {} if budget_usd is None else {"budget_usd": budget_usd})

    @call
    def diff(self, job_id: str, against: str) -> Ask[Diff]:
        """What appeared, vanished and moved against another job of the same video, and what of it can't be compared."""
        return get(Diff, at("/v1/jobs/{}/diff", job_id), against=against)
