"""What the provider asks, read from its own list over real HTTP and kept in a real Valkey; and what counts without it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr

from core import prices
from core.broker import connect
from core.prices import Price
from core.settings import Settings
from standalone.processes import free_port
from tests.model_server import ModelServer
from tests.model_server.prices import SUPPORTED, offer
from workers.model.keys import BearerKey
from workers.model.price_list import PriceList, price_of
from workers.model.profiles import OPENROUTER, PLAIN, Profile

MODEL = "test/model"


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    told = {"model_url": server.url, "model_api_key": SecretStr(server.key), "model_input_usd": 7.0, "model_output_usd": 70.0}
    return settings.model_copy(update=told)


@pytest.fixture
def broker(settings: Settings) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as made:
        made.flushdb()
        yield made


def price_list(settings: Settings, broker: "redis.Redis", http: httpx.Client, profile: Profile = OPENROUTER) -> PriceList:
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else None
    return PriceList(http, broker, settings, profile, BearerKey(key))


def read(listed: PriceList, model: str = MODEL) -> Price:
    thread = listed.look_up(model)
    assert thread is not None
    thread.join(20)
    return listed.of(model)


def test_the_price_is_the_provider_s_for_a_day_and_is_asked_for_once(
    settings: Settings, server: ModelServer, broker: "redis.Redis", http: httpx.Client
) -> None:
    listed = price_list(settings, broker, http)
    assert listed.of(MODEL).source == "settings"
    found = read(listed)
    assert (float(found.input_usd), float(found.output_usd), found.source) == (0.08, 0.50, "provider")
    assert listed.look_up(MODEL) is None
    assert prices.current(broker, settings, MODEL) == found
    assert 86_000 < broker.ttl(prices.key(settings, MODEL)) <= 86_400
    assert server.control.asked_for_prices() == [True]


def test_it_is_the_dearest_of_those_that_could_serve(
    settings: Settings, server: ModelServer, broker: "redis.Redis", http: httpx.Client
) -> None:
    loose = [name for name in SUPPORTED if name != "structured_outputs"]
    server.control.prices(
        endpoints=[offer(times=2), offer(times=3, image="0.001"), offer(times=9, supported=loose), offer(prompt="-1", completion="-1")]
    )
    found = read(price_list(settings, broker, http))
    assert [float(part) for part in (found.input_usd, found.output_usd, found.image_usd, found.call_usd)] == [0.24, 1.5, 0.001, 0.0]


@pytest.mark.parametrize(
    "told",
    [
        {"status": 404},
        {"status": 500},
        {"takes": ["text"]},
        {"endpoints": []},
        {"endpoints": [offer(supported=[])]},
        {"endpoints": [offer(prompt="free")]},
    ],
)
def test_without_it_the_settings_count_and_it_is_not_asked_for_again_at_once(
    settings: Settings, server: ModelServer, broker: "redis.Redis", http: httpx.Client, told: dict[str, Any]
) -> None:
    server.control.prices(**told)
    listed = price_list(settings, broker, http)
    found = read(listed)
    assert (float(found.input_usd), float(found.output_usd), found.source) == (7, 70, "settings")
    assert listed.look_up(MODEL) is None
    assert len(server.control.asked_for_prices()) == 1


def test_nobody_waits_for_a_list_that_does_not_come(
    settings: Settings, server: ModelServer, broker: "redis.Redis", http: httpx.Client
) -> None:
    server.control.prices(delay_s=100)
    listed = price_list(settings, broker, http)
    thread = listed.look_up(MODEL)
    assert thread is not None
    assert listed.of(MODEL).source == "settings"
    assert thread.is_alive()


@pytest.mark.parametrize(
    ("profile", "model"),
    [(PLAIN, MODEL), (OPENROUTER, "model"), (OPENROUTER, "../key"), (OPENROUTER, "a/../../key"), (OPENROUTER, "a/b?c")],
)
def test_only_a_provider_that_has_a_list_is_asked_and_only_for_models(
    settings: Settings, server: ModelServer, broker: "redis.Redis", http: httpx.Client, profile: Profile, model: str
) -> None:
    server.control.prices()
    assert price_list(settings, broker, http, profile).look_up(model) is None
    assert server.control.asked_for_prices() == []


def test_without_a_key_nobody_is_asked(settings: Settings, broker: "redis.Redis", http: httpx.Client) -> None:
    """As on a fresh machine, whose settings name a provider and no key."""
    fresh = settings.model_copy(update={"model_api_key": None, "model_url": "https://openrouter.ai/api/v1"})
    assert price_list(fresh, broker, http).look_up(MODEL) is None


def test_without_redis_the_settings_count(settings: Settings, http: httpx.Client) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")})
    listed = price_list(settings, connect(away, timeout_s=1), http)
    assert listed.look_up(MODEL) is None
    assert listed.of(MODEL).source == "settings"


@pytest.mark.parametrize("junk", [{}, {"data": None}, {"data": {"endpoints": [None, 3]}}, {"data": {"endpoints": [{"pricing": []}]}}])
def test_junk_is_no_price(junk: dict[str, Any]) -> None:
    assert price_of(junk) is None
