"""What a job should cost."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
