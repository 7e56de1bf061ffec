"""`sample_segment`: decode a segment front to back, and hand each window on as soon as its frames are complete."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.blobs import frames_key, look_key
from core.frames import pack
from core.queue import LOCALIZE
from core.request import JobRequest, Sampling
from core.spans import Span, union
from db import jobs, leases, windows
from db.leases import LeaseLost
from db.models import Job, Segment, Video
from workers import settling, thinning
from workers.events.looks import ROUNDS
from workers.events.signals import detect
from workers.frames.frame import SampledWindow, Signals, WindowPlan
from workers.frames.still import telling
from workers.indexes import StoredIndex
from workers.looking import look_of
from workers.model.kinds import of_the_decoder
from workers.runtime import Runtime
from workers.showing import show
from workers.work import Heartbeat, carry_out

DENSER = 2
"""A second look shows so many times more frames a second than the first at the least."""


def sample(runtime: Runtime, segment_id: UUID) -> None:
    """Safe to run twice: windows that an earlier attempt brought stay, and are not decoded again."""
    carry_out(runtime, Segment, segment_id, lambda work, beat: _sample(runtime, work, beat))


def _sample(runtime: Runtime, work: Segment, beat: Heartbeat) -> None:
    if runtime.sessions.run(lambda session: windows.waiting(session, work.job_id)) >= runtime.settings.windows_ahead:
        later = runtime.settings.sweep_every
        runtime.sessions.run(lambda session: leases.hand_back(session, work, after=later, blameless=True))
        return
    rows = _windows if work.pass_ == 0 else _looks
    for job, row in rows(runtime, work, beat):
        _add(runtime, work, job, row)
    runtime.ring_for(runtime.sessions.run(lambda session: settling.close(session, work, state="done")))


def _windows(runtime: Runtime, work: Segment, beat: Heartbeat) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Windows of the timeline, with their frames stored."""
    job, video, missing, stored = runtime.sessions.run(lambda session: _load(session, work))
    sampling = JobRequest.model_validate(job.request).sampling
    yield from ((job, _shown(row, sampling)) for row in stored)
    for sampled in _sampled(runtime, video, sampling, missing, beat):
        beat.renew()  # storing a window may take as long as the storage's patience
        key = frames_key(video.id, video.frames_generation, sampling.slug, sampled.plan.seq)
        yield job, _shown(_keep(runtime, job, key, sampled), sampling)


def _shown(row: dict[str, Any], sampling: Sampling) -> dict[str, Any]:
    """The window's row, with which of its frames the model is shown."""
    if not sampling.skip_static:
        return row
    peaks = [Signals(*measured).peak for measured in row["signals"]]
    return {**row, "shown_pts_ms": telling(row["frame_pts_ms"], peaks, max_gap_ms=round(sampling.max_gap_s * 1000))}


def _looks(runtime: Runtime, work: Segment, beat: Heartbeat) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Windows of second looks: of the video only what they look at is decoded."""
    job, video, there = runtime.sessions.run(lambda session: _load_looks(session, work))
    wanted = {seq: look_of(stored) for seq, _, _, stored in work.windows if seq not in there}
    if not wanted:
        return
    fps = max(ROUNDS[work.pass_ - 1].fps, DENSER * (JobRequest.model_validate(job.request).sampling.fps or 1.0))
    frame_tokens = JobRequest.model_validate(job.request).sampling.frame_tokens
    plans = [WindowPlan(seq, look.span) for seq, look in wanted.items()]
    spans = union(zone.span for look in wanted.values() for zone in look.zones)
    with runtime.blobs.local(video.blob_key, beat=beat) as path:
        index = StoredIndex.of(video, runtime.blobs)
        for sampled in runtime.sampler.sample(
            path, plans, fps=fps, tolerance_ms=0, frame_tokens=frame_tokens, beat=beat, spans=spans, archive=index
        ):
            beat.renew()
            look = wanted[sampled.plan.seq]
            shown = tuple(frame for frame in sampled.frames if look.shows(frame.pts_ms))
            key = look_key(video.id, video.frames_generation, job.id, work.pass_, sampled.plan.seq)
            row = _keep(runtime, job, key, replace(sampled, frames=shown, gaps=()))
            yield job, {**row, "pass_": work.pass_, "look": asdict(look)}


def _sampled(runtime: Runtime, video: Video, sampling: Sampling, missing: list[WindowPlan], beat: Heartbeat) -> Iterator[SampledWindow]:
    """From frames that are there, where all that are wanted are among them; else from the video."""
    if not missing:
        return
    fps, tolerance_ms = sampling.fps or 1.0, round(1000 * (sampling.tolerance_s or 0))
    if dense := thinning.denser(runtime.sessions.run(lambda session: windows.with_frames(session, video.id)), sampling, video):
        for sampled in thinning.thin(missing, dense, fps=fps, read=runtime.blobs.get):
            beat()
            yield sampled
        return
    with runtime.blobs.local(video.blob_key, beat=beat) as path:
        yield from runtime.sampler.sample(
            path,
            missing,
            fps=fps,
            tolerance_ms=tolerance_ms,
            frame_tokens=sampling.frame_tokens,
            beat=beat,
            archive=StoredIndex.of(video, runtime.blobs),
        )


def _load(session: Session, work: Segment) -> tuple[Job, Video, list[WindowPlan], list[dict[str, Any]]]:
    """The windows still to decode, and the rows of those whose frames another job of this video has had sampled the same way."""
    job = session.get_one(Job, work.job_id)
    video = session.get_one(Video, job.video_id)
    sampling = JobRequest.model_validate(job.request).sampling
    there = windows.seqs(session, job.id, pass_=0)
    plans = [WindowPlan(seq, Span(start_ms, end_ms)) for seq, start_ms, end_ms in work.windows if seq not in there]
    keys = {plan.seq: frames_key(video.id, video.frames_generation, sampling.slug, plan.seq) for plan in plans}
    known = windows.sampled(session, keys.values())
    stored = [
        _window(
            job,
            plan,
            keys[plan.seq],
            frame_pts_ms=twin.frame_pts_ms,
            signals=twin.signals,
            gaps=of_the_decoder(twin.gaps),
        )
        for plan in plans
        if (twin := known.get(keys[plan.seq])) is not None
    ]
    return job, video, [plan for plan in plans if keys[plan.seq] not in known], stored


def _load_looks(session: Session, work: Segment) -> tuple[Job, Video, set[int]]:
    job = session.get_one(Job, work.job_id)
    return job, session.get_one(Video, job.video_id), windows.seqs(session, job.id, pass_=work.pass_)


def _keep(runtime: Runtime, job: Job, key: str, sampled: SampledWindow) -> dict[str, Any]:
    """Store a window's frames; the row comes after the blob, so that each row has its blob."""
    if sampled.frames:
        runtime.blobs.put(key, pack((frame.pts_ms, frame.jpeg) for frame in sampled.frames))
    return _window(
        job,
        sampled.plan,
        key,
        frame_pts_ms=[frame.pts_ms for frame in sampled.frames],
        signals=[list(frame.signals) for frame in sampled.frames],
        gaps=[[*gap.span, gap.reason] for gap in sampled.gaps],
    )


def _window(job: Job, plan: WindowPlan, key: str, *, frame_pts_ms: list[int], signals: list[Any], gaps: list[Any]) -> dict[str, Any]:
    """A window without a single frame needs nobody to look at it: it has failed where frames were lost, and is done where there were
    none, as in a screen recording in which nothing moves.
    """
    error = {"code": "unreadable", "detail": "No frame of this window could be decoded."} if gaps and not frame_pts_ms else None
    state = "pending" if frame_pts_ms else "failed" if error else "done"
    return {
        "workspace_id": job.workspace_id,
        "job_id": job.id,
        "seq": plan.seq,
        "start_ms": plan.span.start_ms,
        "end_ms": plan.span.end_ms,
        "frames_key": key,
        "frame_pts_ms": frame_pts_ms,
        "signals": signals,
        "gaps": gaps,
        "state": state,
        "detections": [] if state == "done" else None,
        "error": error,
    }


def _add(runtime: Runtime, work: Segment, job: Job, row: dict[str, Any]) -> None:
    """Hand a window on to the model; where no model is asked, its signals were measured with its frames, so it is done."""
    if JobRequest.model_validate(job.request).analyzer == "signals" and row["state"] == "pending":
        last = row["seq"] + 1 == job.windows_total
        found = detect(row["frame_pts_ms"], [Signals(*measured) for measured in row["signals"]], at_end=last)
        row = {**row, "state": "done", "detections": [asdict(detection) for detection in found]}

    def add(session: Session) -> UUID | None:
        job = jobs.lock(session, work.job_id)
        if job is None:
            raise LeaseLost
        leases.hold(session, work)
        job.revision += row["state"] != "pending"
        return windows.add(session, row)

    window_id = runtime.sessions.run(add)
    if window_id is not None and row["state"] == "pending":
        runtime.ring(LOCALIZE, window_id)
    show(runtime, work.job_id)
