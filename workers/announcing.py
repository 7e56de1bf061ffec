"""What webhooks tell of a job that ends: written by the transaction that ends it, so that there is one with the other or neither."""

from sqlalchemy.orm import Session

from core.queue import DELIVER, Bell
from core.webhooks import EVENT_CREATED
from db import deliveries, events, jobs, webhooks
from db.models import Endpoint, EventRow, Job
from db.resources.events import EventOut
from db.resources.jobs import JobOut


def announce(session: Session, job: Job) -> list[Bell]:
    """Write a message for each endpoint that asked for it: that the job ended, and each event that the endpoint was not told of before.

    Returns what is to be rung for after the commit. Nothing is made where nobody asked.
    """
    ended = f"job.{job.status}"
    endpoints = webhooks.subscribed(session, job.workspace_id, (ended, EVENT_CREATED))
    if not endpoints:
        return []
    session.flush()
    session.refresh(job)  # `completed_at` is the database's
    told = JobOut.of(job, jobs.tallies(session, [job.id]).get(job.id)).model_dump(mode="json")
    created = [EventOut.of(event).model_dump(mode="json") for event in _events(session, job, endpoints)]
    messages = [
        {
            "workspace_id": job.workspace_id,
            "endpoint_id": endpoint.id,
            "job_id": job.id,
            "event_id": data["id"] if kind == EVENT_CREATED else None,
            "type": kind,
            "payload": {"type": kind, "timestamp": told["completed_at"], "data": data},
        }
        for endpoint in endpoints
        for kind, told_of in ((ended, [told]), (EVENT_CREATED, created))
        if kind in endpoint.events
        for data in told_of
    ]
    deliveries.write(session, messages)
    return [(DELIVER, endpoint.id) for endpoint in endpoints]


def _events(session: Session, job: Job, endpoints: list[Endpoint]) -> list[EventRow]:
    return events.of_job(session, job.id) if any(EVENT_CREATED in endpoint.events for endpoint in endpoints) else []
