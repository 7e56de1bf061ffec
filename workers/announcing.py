"""What webhooks tell of a job that ends: written by the transaction that ends it, so that there is one with the other or neither."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from core.queue import DELIVER, Bell
from core.webhooks import EVENT_CREATED
from db import deliveries, events, webhooks
from db.models import Endpoint, Job
from db.resources.events import EventOut
from db.resources.jobs import JobOut
from db.standings import standings


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
    told = JobOut.of(job, standings(session, [job.id])[job.id]).model_dump(mode="json")
    messages = (
        {
            "workspace_id": job.workspace_id,
            "endpoint_id": endpoint.id,
            "job_id": job.id,
            "event_id": data["id"] if kind == EVENT_CREATED else None,
            "type": kind,
            "payload": {"type": kind, "timestamp": told["completed_at"], "data": data},
        }
        for kind, data in chain([(ended, told)], _created(session, job, endpoints))
        for endpoint in endpoints
        if kind in endpoint.events
    )
    deliveries.write(session, messages)
    return [(DELIVER, endpoint.id) for endpoint in endpoints]


def _created(session: Session, job: Job, endpoints: list[Endpoint]) -> Iterator[tuple[str, dict[str, Any]]]:
    if any(EVENT_CREATED in endpoint.events for endpoint in endpoints):
        for event in events.of_job(session, job.id):
            yield EVENT_CREATED, EventOut.of(event).model_dump(mode="json")
