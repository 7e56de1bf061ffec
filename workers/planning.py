"""`plan_job`: look at the video, cut its timeline into segments and windows, and wake the decoders."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.estimate import Footage, estimate
from core.queue import SAMPLE
from core.request import JobRequest
from db import jobs, leases, windows
from db.leases import LeaseLost
from db.models import Plan, Video
from workers import settling
from workers.frames.frame import SegmentPlan, VideoInfo
from workers.frames.timeline import cut
from workers.indexes import StoredIndex
from workers.runtime import Runtime
from workers.work import Heartbeat, begin, carry_out

PRICE_PATIENCE_S = 1.0
"""How long a plan waits for the provider's price beyond the time that looking at the video takes."""


def plan(runtime: Runtime, plan_id: UUID) -> None:
    """Safe to run twice: the timeline is cut the same way every time."""
    carry_out(runtime, Plan, plan_id, lambda work, beat: _plan(runtime, work, beat))


def _plan(runtime: Runtime, work: Plan, beat: Heartbeat) -> None:
    job, video = runtime.sessions.run(lambda session: begin(session, work))
    request = JobRequest.model_validate(job.request)
    reading = runtime.prices.look_up(request.model) if request.model else None
    with runtime.blobs.local(video.blob_key, beat=beat) as path:
        info = runtime.sampler.probe(path, beat=beat, archive=StoredIndex.of(video, runtime.blobs))
    if reading:
        reading.join(PRICE_PATIENCE_S)
    sampling = request.sampling
    segments = cut(
        info.duration_ms,
        window_ms=round(sampling.window_s * 1000),
        overlap_ms=round(sampling.overlap_s * 1000),
        windows_per_segment=runtime.settings.segment_windows,
    )
    told = _estimate(runtime, request, info)
    for segment_id in runtime.sessions.run(lambda session: _store(session, work, info, segments, told)):
        runtime.ring(SAMPLE, segment_id)


def _estimate(runtime: Runtime, request: JobRequest, info: VideoInfo) -> dict[str, Any]:
    """What the job should cost, at the price that its calls are reserved at from now on."""
    footage = Footage(info.duration_ms, info.width, info.height, info.frame_rate)
    price, most = runtime.prices.of(request.model or runtime.settings.model), runtime.settings.model_max_output_tokens
    return estimate(footage, request, price=price, max_output_tokens=most).as_dict()


def _store(session: Session, work: Plan, info: VideoInfo, segments: tuple[SegmentPlan, ...], told: dict[str, Any]) -> list[UUID]:
    job = jobs.lock(session, work.job_id)
    if job is None:
        raise LeaseLost
    leases.hold(session, work)
    video = session.get_one(Video, job.video_id)
    for name in ("container", "codec", "width", "height", "rotation", "duration_ms", "start_ms", "frame_rate", "variable_frame_rate"):
        setattr(video, name, getattr(info, name))
    job.stage = "sample"
    job.estimate = told
    job.windows_total = sum(len(segment.windows) for segment in segments)
    ids = windows.add_segments(
        session,
        [
            {
                "workspace_id": job.workspace_id,
                "job_id": job.id,
                "seq": segment.seq,
                "windows": [[window.seq, *window.span] for window in segment.windows],
            }
            for segment in segments
        ],
    )
    settling.close(session, work, state="done")
    return ids
