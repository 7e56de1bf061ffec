"""Evidence of a run in which nothing is wrong: one upload, two windows, one event that both of them saw."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.chaos.clips import Clip
from tests.chaos.evidence import Change, Evidence, Message, Upload

VIDEO, JOB, PLAN, SEGMENT, FIRST, SECOND, EVENT = (UUID(int=number) for number in range(1, 8))
TOLD = [UUID(int=number) for number in (8, 9)]
TOKENS = [UUID(int=number) for number in range(100, 110)]
CLIP = Clip("clip", b"the bytes", (("mark_0", 1000, 6000),))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COST = Decimal("0.00010000")


def change(n: int, kind: str, row_id: UUID, state: str, *, at_s: float = 0, **values: Any) -> Change:
    return Change(n, NOON + timedelta(seconds=at_s), kind, row_id, state, **values)


def lived(start: int, kind: str, row_id: UUID, token: UUID, *, replies: int = 0) -> list[Change]:
    """Claimed once, and done."""
    attempt = {"attempts": 1, "outages": 0}
    asked = [change(start + 2, kind, row_id, "running", at_s=2, token=token, reserved=Decimal(1), replies=0, **attempt)] if replies else []
    return [
        change(start, kind, row_id, "pending", attempts=0, outages=0, replies=0, reserved=Decimal(0)),
        change(start + 1, kind, row_id, "running", at_s=1, token=token, replies=0, reserved=Decimal(0), **attempt),
        *asked,
        change(start + 3, kind, row_id, "running", at_s=3, token=token, replies=replies, reserved=Decimal(0), **attempt),
        change(start + 4, kind, row_id, "done", at_s=4, replies=replies, reserved=Decimal(0), **attempt),
    ]


def window(row_id: UUID, seq: int, start_ms: int, end_ms: int) -> dict[str, Any]:
    said = f"Mark 0 is shown, answer {seq}"
    return {
        "id": row_id,
        "job_id": JOB,
        "seq": seq,
        "state": "done",
        "start_ms": start_ms,
        "end_ms": end_ms,
        "frames_key": f"videos/{VIDEO}/frames-0/{seq}",
        "frame_pts_ms": list(range(start_ms, end_ms, 1000)),
        "gaps": [],
        "raw_reply": {"replies": [{"text": said}]},
        "detections": [{"description": said}],
        "cost_usd": COST,
    }


def call(serial: int, start_ms: int, end_ms: int) -> dict[str, Any]:
    frames = [{"mark_ms": at_ms} for at_ms in range(start_ms, end_ms, 1000)]
    return {"serial": serial, "status": 200, "question": "From upload-0000.", "frames": frames, "usage": {"cost": float(COST)}}


def rows() -> dict[str, list[dict[str, Any]]]:
    job = {"id": JOB, "video_id": VIDEO, "status": "succeeded", "completed_at": NOON, "coverage": {"gaps": []}, "error": None}
    event = {
        "id": EVENT,
        "job_id": JOB,
        "type": "mark_0",
        "description": "Mark 0 is shown, answer 1",
        "start_ms": 1000,
        "end_ms": 6000,
        "start_uncertainty_ms": 500,
        "end_uncertainty_ms": 500,
        "provisional": False,
        "verification": {"status": "unverified"},
        "source": {"window_ids": [str(FIRST), str(SECOND)]},
    }
    key = f"videos/{VIDEO}/source"
    return {
        "videos": [{"id": VIDEO, "custom_id": "upload-0000.", "blob_key": key, "bytes": len(CLIP.content), "duration_ms": 7000}],
        "jobs": [{**job, "windows_total": 2}],
        "budgets": [{"job_id": JOB, "spent_usd": 2 * COST, "reserved_usd": Decimal(0), "limit_usd": Decimal(1)}],
        "plans": [{"id": PLAN, "job_id": JOB, "state": "done"}],
        "segments": [{"id": SEGMENT, "job_id": JOB, "state": "done", "windows": [[0, 0, 4000], [1, 3000, 7000]]}],
        "windows": [window(FIRST, 0, 0, 4000), window(SECOND, 1, 3000, 7000)],
        "events": [event],
        "webhook_deliveries": [
            {"id": TOLD[0], "job_id": JOB, "event_id": None, "type": "job.succeeded", "state": "delivered"},
            {"id": TOLD[1], "job_id": JOB, "event_id": EVENT, "type": "event.created", "state": "delivered"},
        ],
        "doomed_blobs": [],
    }


def sound() -> Evidence:
    history = [
        change(1, "jobs", JOB, "queued"),
        change(2, "jobs", JOB, "processing", at_s=1),
        *lived(10, "plans", PLAN, TOKENS[0]),
        *lived(20, "segments", SEGMENT, TOKENS[1]),
        *lived(30, "windows", FIRST, TOKENS[2], replies=1),
        *lived(40, "windows", SECOND, TOKENS[3], replies=1),
        change(50, "jobs", JOB, "succeeded", at_s=5),
    ]
    upload = Upload("upload-0000.", "clip", accepted_at=1.0, video_id=str(VIDEO), job_id=str(JOB))
    found = rows()
    blobs = {str(each["frames_key"]): 10 for each in found["windows"]} | {f"videos/{VIDEO}/source": len(CLIP.content)}
    return Evidence(
        clips={"clip": CLIP},
        uploads=[upload],
        faults=[],
        rows=found,
        history=history,
        beats=[],
        calls=[call(0, 0, 4000), call(1, 3000, 7000)],
        blobs=blobs,
        sources={f"videos/{VIDEO}/source": CLIP.sha256},
        lease_s=5,
        survivors=[],
        stopped_s={"api": 1.0},
        messages=[
            Message(str(TOLD[0]), "job.succeeded", str(JOB), 204, is_signed=True),
            Message(str(TOLD[1]), "event.created", str(EVENT), 500, is_signed=True),
            Message(str(TOLD[1]), "event.created", str(EVENT), 204, is_signed=True),
        ],
    )


def with_row(table: str, place: int = 0, **values: Any) -> Evidence:
    """The same with one row changed."""
    found = sound()
    found.rows[table][place].update(values)
    return found


def with_history(*changes: Change) -> Evidence:
    found = sound()
    return replace(found, history=[*found.history, *changes])
