"""`POST /v1/videos/{id}/estimate`: what a question would cost, without asking it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from core import prices
from core.broker import connect
from core.estimate import Footage, estimate
from core.request import JobRequest
from db import videos
from db.models import Video
from db.resources.estimates import EstimateOut
from services.api.bodies import LimitedRoute
from services.api.context import Reader, WithParts
from services.api.once import Whole

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=LimitedRoute)


@router.post("/videos/{video_id}/estimate")
def estimate_job(
    parts: WithParts,
    caller: Reader,
    once: Whole,
    video_id: UUID,
    body: Annotated[JobRequest | None, Body(openapi_examples={"as a job": {"value": {"refine": True}}})] = None,
) -> EstimateOut:
    """What a job with this request would cost. Nothing is asked of a model.

    409 with the code `not_probed` until a worker has looked at the video, which its first job does, whatever it asks; with
    `never_read` where all its jobs ended without.
    """
    request, settings = (body or JobRequest()).resolved(parts.settings), parts.settings
    with parts.sessions.begin() as session:
        video = videos.probed(session, caller.workspace_id, video_id)
    with connect(settings, timeout_s=1) as broker:
        price = prices.current(broker, settings, request.model or settings.model)
    told = estimate(_footage(video), request, price=price, max_output_tokens=settings.model_max_output_tokens)
    with parts.sessions.begin() as session:
        return once.keep(session, EstimateOut.model_validate(told.as_dict()))


def _footage(video: Video) -> Footage:
    return Footage(video.duration_ms or 0, video.width or 0, video.height or 0, video.frame_rate)
