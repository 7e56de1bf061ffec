"""What a model's tokens cost: by its provider's own list, as far as workers have read it lately, else by the settings.

Workers keep the provider's prices in Redis (`workers.model.price_list`); whoever asks for one only reads them there.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

import redis

from core import provider
from core.settings import Settings

MILLION = 1_000_000
SMALLEST_USD = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens in and out, for each image, and for each call; `source` says who told."""

    input_usd: Decimal
    output_usd: Decimal
    image_usd: Decimal = Decimal(0)
    call_usd: Decimal = Decimal(0)
    source: Literal["provider", "settings"] = "settings"

    def of(self, *, input_tokens: float, output_tokens: float, images: float = 0, calls: float = 1) -> Decimal:
        """In dollars, rounded up to what the database holds."""
        tokens = (Decimal(input_tokens) * self.input_usd + Decimal(output_tokens) * self.output_usd) / MILLION
        whole = tokens + Decimal(images) * self.image_usd + Decimal(calls) * self.call_usd
        return whole.quantize(SMALLEST_USD, rounding=ROUND_CEILING)

    def as_dict(self) -> dict[str, Any]:
        return {name: value if name == "source" else float(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Price":
        """What `as_dict` gave; members that it does not know are left out."""
        known: dict[str, Any] = {name: value for name, value in told.items() if name in cls.__slots__}
        source = known.pop("source")
        return cls(**{name: Decimal(str(value)) for name, value in known.items()}, source=source)


def key(settings: Settings, model: str) -> str:
    """Where the price of a model at this provider is kept: what `Price.as_dict` gives, as JSON."""
    return f"playhead:model:{provider.scope(settings)}:price:{model}"


def current(broker: "redis.Redis", settings: Settings, model: str) -> Price:
    """The provider's price where it is known, else the settings'; also with Redis away."""
    try:
        kept = broker.get(key(settings, model))
    except redis.RedisError:
        kept = None
    if isinstance(kept, bytes):
        return Price.from_dict(json.loads(kept))
    return of_settings(settings)


def of_settings(settings: Settings) -> Price:
    return Price(Decimal(str(settings.model_input_usd)), Decimal(str(settings.model_output_usd)))
