"""What the provider asks for a model: read from its own list once a day, and kept in Redis for everybody (`core.prices`).

Nobody waits for it, and nothing fails without it: until it is known the price of the settings counts.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from threading import Thread
from typing import Any

import httpx
import redis
import structlog

from core import prices
from core.errors import PlayheadError
from core.prices import MILLION, Price
from core.settings import Settings
from workers import exchange
from workers.model import answer
from workers.model.keys import BearerKey
from workers.model.profiles import Profile

log = structlog.get_logger(__name__)

KEPT = timedelta(days=1)
ASKED_AGAIN_AFTER = timedelta(minutes=1)
TIMEOUT_S = 10.0

MODEL = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.:-]*")
"""What can be asked for: an author and a model, and no path of anybody's making."""

NEEDED = "structured_outputs"
"""What an endpoint must support for our calls to be sent to it."""


class PriceList:
    """One provider's, where its profile names one."""

    def __init__(self, http: httpx.Client, broker: "redis.Redis", settings: Settings, profile: Profile, key: BearerKey) -> None:
        self._http, self._broker, self._settings, self._profile, self._key = http, broker, settings, profile, key

    def of(self, model: str) -> Price:
        """The provider's price where it is known, else the settings'."""
        return prices.current(self._broker, self._settings, model)

    def look_up(self, model: str) -> Thread | None:
        """Begin to read the price, where it is not known and nobody has asked for it lately; the thread that does. Never raises."""
        path = self._profile.price_list if self._settings.has_model else None
        if path is None or not MODEL.fullmatch(model) or not self._is_wanted(model):
            return None
        thread = Thread(target=self._read, args=(model, path), name="price-list", daemon=True)
        thread.start()
        return thread

    def _is_wanted(self, model: str) -> bool:
        kept = prices.key(self._settings, model)
        try:
            return not self._broker.exists(kept) and bool(self._broker.set(f"{kept}:asked", 1, nx=True, ex=ASKED_AGAIN_AFTER))
        except redis.RedisError:
            return False

    def _read(self, model: str, path: str) -> None:
        try:
            url = f"{self._settings.model_url.rstrip('/')}{path.format(model=model)}"
            reply = exchange.get(self._http, url, headers=dict(self._profile.headers), auth=self._key, timeout_s=TIMEOUT_S)
            if (price := price_of(answer.payload_of(reply))) is None:
                log.warning("prices.none_fits", model=model)
            else:
                self._broker.set(prices.key(self._settings, model), json.dumps(price.as_dict()), ex=KEPT)
        except (exchange.TooLong, exchange.TooMuch, httpx.HTTPError, httpx.InvalidURL, PlayheadError, redis.RedisError) as error:
            log.warning("prices.not_read", model=model, error=repr(error))


def price_of(payload: Mapping[str, Any]) -> Price | None:
    """The most that any endpoint asks that could serve our calls: with images, and an answer by a schema. None where none could.

    https://openrouter.ai/docs/api/api-reference/endpoints/list-endpoints: dollars a token, an image, a request, as text.
    """
    data = _mapping(payload.get("data"))
    takes = _mapping(data.get("architecture")).get("input_modalities", ["image"])
    endpoints = [_mapping(each) for each in data.get("endpoints") or ()] if "image" in takes else []
    able = (each for each in endpoints if NEEDED in (each.get("supported_parameters") or ()))
    offers = [offer for each in able if (offer := _offer(_mapping(each.get("pricing"))))]
    if not offers:
        return None
    token_in, token_out, image, call = (max(column) for column in zip(*offers, strict=True))
    return Price(token_in * MILLION, token_out * MILLION, image, call, "provider")


def _offer(pricing: Mapping[str, Any]) -> tuple[Decimal, ...] | None:
    """For a token in, a token out, an image, a call; None where one of them is not to be known."""
    told = (pricing.get("prompt"), pricing.get("completion"), pricing.get("image", 0), pricing.get("request", 0))
    read = tuple(dollars for each in told if (dollars := _dollars(each)) is not None)
    return read if len(read) == len(told) else None


def _dollars(told: object) -> Decimal | None:
    """Negative ones mean that nobody knows beforehand."""
    try:
        found = Decimal(str(told))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < MILLION else None


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
