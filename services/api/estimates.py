"""`POST /v1/videos/{id}/estimate`: what a question would cost, without asking it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from core import prices
from core.broker import connect
from core.errors import NotProbed
from core.estimate import Footage, estimate
from core.request import JobRequest
from db import videos
from db.models import Video
from services.api.bodies import LimitedRoute
from services.api.context import Reader, WithParts
from services.api.once import Whole

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=LimitedRoute)

AT_MOST = (
    "If no reply could be used: each window is asked about twice, then each of its halves, then each of its quarters, every answer is as "
    "long as PLAYHEAD_MODEL_MAX_OUTPUT_TOKENS lets it be, and every byte of text is a token. Not in it: calls that a provider bills "
    "although they fail, replies that break off and are carried on, servers that take fewer images in one call than a window has, and "
    "second looks beyond the rule of thumb: for `refine` this is 0.4 of the first look's for each vote, and no bound, since nobody knows "
    "before how many boundaries there will be; a video dense with events cost 2.4 times that. `budget_usd` bounds all of these."
)
EXPECTED = (
    "With one call for each window, all of its frames and an answer of usual length; less where nothing changes and frames are left out. "
    "For second looks a rule of thumb: 0.4 of that for each vote."
)

PASS: dict[str, Any] = {
    "name": "localize",
    "windows": 65,
    "frames": 4112,
    "calls": 65,
    "input_tokens": 943838,
    "output_tokens": 39000,
    "expected_usd": 0.09500704,
    "at_most_usd": 1.5287936,
}
PRICE: dict[str, Any] = {
    "model": "qwen/qwen3-vl-8b-instruct",
    "input_usd": 0.08,
    "output_usd": 0.5,
    "image_usd": 0.0,
    "call_usd": 0.0,
    "source": "provider",
}
EXAMPLE: dict[str, Any] = {**{name: told for name, told in PASS.items() if name != "name"}, "passes": [PASS], "price": PRICE}


class PriceOut(BaseModel):
    """What the estimate was made with, and what calls are reserved at."""

    model: str
    input_usd: float = Field(description="Dollars for a million tokens in.")
    output_usd: float = Field(description="Dollars for a million tokens out.")
    image_usd: float = Field(description="Dollars for an image, beside its tokens.")
    call_usd: float = Field(description="Dollars for a call, beside its tokens.")
    source: Literal["provider", "settings"] = Field(
        description="`provider`: the dearest of the provider's endpoints that could serve the call. `settings`: PLAYHEAD_MODEL_INPUT_USD "
        "and PLAYHEAD_MODEL_OUTPUT_USD, as the provider has not told its price."
    )


class PassOut(BaseModel):
    """What one way of looking takes: `localize`, and `refine` where second looks are asked for."""

    name: str
    windows: int
    frames: int
    calls: int
    input_tokens: int
    output_tokens: int
    expected_usd: float = Field(description=EXPECTED)
    at_most_usd: float = Field(description=AT_MOST)


class EstimateOut(BaseModel):
    """What a job would cost, by the length of the video and the size of its frames. The sums over its passes; without a model, nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    windows: int
    frames: int
    calls: int
    input_tokens: int
    output_tokens: int
    expected_usd: float = Field(description=EXPECTED)
    at_most_usd: float = Field(description=AT_MOST)
    passes: list[PassOut]
    price: PriceOut | None = Field(description="Null where no model would be asked.")


@router.post("/videos/{video_id}/estimate")
def estimate_job(
    parts: WithParts,
    caller: Reader,
    once: Whole,
    video_id: UUID,
    body: Annotated[JobRequest | None, Body(openapi_examples={"as a job": {"value": {"refine": True}}})] = None,
) -> EstimateOut:
    """What a job with this request would cost. Nothing is asked of a model.

    409 with the code `not_probed` until a worker has looked at the video, which its first job does, whatever it asks.
    """
    with parts.sessions.begin() as session:
        video = videos.get(session, caller.workspace_id, video_id)
    request, settings = (body or JobRequest()).resolved(parts.settings), parts.settings
    with connect(settings, timeout_s=1) as broker:
        price = prices.current(broker, settings, request.model or settings.model)
    told = estimate(_footage(video), request, price=price, max_output_tokens=settings.model_max_output_tokens)
    with parts.sessions.begin() as session:
        return once.keep(session, EstimateOut.model_validate(told.as_dict()))


def _footage(video: Video) -> Footage:
    if not (video.duration_ms and video.width and video.height):
        raise NotProbed("How long this video is, is not known before a worker has looked at it; ask again in a moment.")
    return Footage(video.duration_ms, video.width, video.height, video.frame_rate)
