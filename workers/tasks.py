"""The tasks: each unpacks an id and calls one function. All are safe to run twice, and none of them returns anything."""

from uuid import UUID

from core import queue
from workers import delivering, fetching, localizing, planning, sampling, sweeping
from workers.app import app
from workers.runtime import runtime


@app.task(name=queue.FETCH)
def fetch_video(fetch_id: str) -> None:
    """Bring a video's bytes in."""
    fetching.fetch(runtime(), UUID(fetch_id))


@app.task(name=queue.PLAN)
def plan_job(plan_id: str) -> None:
    """Look at the video and cut its timeline."""
    planning.plan(runtime(), UUID(plan_id))


@app.task(name=queue.SAMPLE)
def sample_segment(segment_id: str) -> None:
    """Decode a segment into windows."""
    sampling.sample(runtime(), UUID(segment_id))


@app.task(name=queue.LOCALIZE)
def localize_window(window_id: str) -> None:
    """Find what happens in a window."""
    localizing.localize(runtime(), UUID(window_id))


@app.task(name=queue.SETTLE)
def settle_job(job_id: str) -> None:
    """Close a job that has nothing left to do."""
    sweeping.settle(runtime(), UUID(job_id))


@app.task(name=queue.DELIVER)
def deliver_webhook(endpoint_id: str) -> None:
    """Send what waits for a webhook."""
    delivering.deliver(runtime(), UUID(endpoint_id))


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Ring again for what was missed."""
    sweeping.sweep_if_due(runtime())
