"""`/healthz`: is this process alive? `/readyz`: can the whole do its work, and which part is away?"""

from collections.abc import Callable
from typing import Literal

import redis
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from core import provider
from core.broker import connect
from core.errors import Unavailable
from core.queue import ROUTES
from db import heartbeats
from services.api.context import Parts, WithParts
from services.api.known import KnownRoute

router = APIRouter(tags=["health"], route_class=KnownRoute)

PartStatus = Literal["ok", "away", "paused"]
WORKERS = (*(f"{queue}_worker" for queue in dict.fromkeys(ROUTES.values())), "sweeper")


class Health(BaseModel):
    """It answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded`: videos are taken in and questions answered, and what is away is waited for. `unavailable`: neither."""

    status: Literal["ok", "degraded", "unavailable"]
    parts: dict[str, PartStatus]
    reasons: dict[str, str] = Field(default_factory=dict, description="Why a part is `paused`, and what to do about it, by part.")


@router.get("/healthz")
async def healthz() -> Health:
    """This process answers."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
def readyz(parts: WithParts, response: Response) -> Readiness:
    """Which parts are there: the database, the object storage, the broker, and the workers by their heartbeats. `model: paused`: its
    server refuses the key, or there is no credit left, as `reasons` says; jobs wait, and go on by themselves.
    """
    state: dict[str, PartStatus] = {"blobs": _works(parts.blobs.check), "broker": _works(lambda: _ping(parts))}
    try:
        with parts.sessions.begin() as session:
            alive = heartbeats.alive(session)
        state |= {"database": "ok", **{part: "ok" if part in alive else "away" for part in WORKERS}}
    except Unavailable:
        state |= {"database": "away", **dict.fromkeys(WORKERS, "away")}
    reasons: dict[str, str] = {}
    if parts.settings.has_model:
        reason = _paused(parts)
        state["model"] = "ok" if reason is None else "paused"
        reasons |= {} if reason is None else {"model": reason}
    if "away" in (state["database"], state["blobs"]):
        response.status_code = 503
        return Readiness(status="unavailable", parts=state, reasons=reasons)
    return Readiness(status="ok" if set(state.values()) == {"ok"} else "degraded", parts=state, reasons=reasons)


def _works(check: Callable[[], None]) -> PartStatus:
    try:
        check()
    except (Unavailable, redis.RedisError):
        return "away"
    return "ok"


def _ping(parts: Parts) -> None:
    with connect(parts.settings, timeout_s=1) as broker:
        broker.ping()


def _paused(parts: Parts) -> str | None:
    """Why nobody calls the model, by what the workers' last call brought; where that can't be known it is the broker that is away."""
    try:
        with connect(parts.settings, timeout_s=1) as broker:
            return provider.paused(broker, parts.settings)
    except redis.RedisError:
        return None
