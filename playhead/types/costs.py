"""What a job costs, before and after."""

from dataclasses import dataclass

from playhead.types.record import Record


@dataclass(frozen=True, kw_only=True)
class Usage(Record):
    """`cost_usd` is what was spent, `uncertain_usd` the part of it that calls may have cost whose bill never came, `reserved_usd` the most
    that calls in flight may cost.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    uncertain_usd: float | None = None
    reserved_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Price(Record):
    """Dollars for a million tokens in and out, for an image and for a call; `source`: `provider` or `settings`."""

    model: str | None = None
    input_usd: float | None = None
    output_usd: float | None = None
    image_usd: float | None = None
    call_usd: float | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cost(Record):
    """What looking at a video takes. `at_most_usd`: if no reply could be used; the server's docs/costs.md says what is not in it."""

    windows: int = 0
    frames: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    expected_usd: float | None = None
    at_most_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class PassEstimate(Cost):
    """What one way of looking takes: `localize`, and `refine` where second looks are asked for."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Estimate(Cost):
    """What a job would cost: the sums over its passes. `price` is None where no model would be asked."""

    passes: tuple[PassEstimate, ...] = ()
    price: Price | None = None
