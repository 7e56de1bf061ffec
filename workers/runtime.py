"""What every task works with: made once a process, after the fork, from the settings."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import httpx

from core.blobs import Blobs
from core.broker import connect
from core.provider import scope
from core.queue import Bell, Doorbell, Ring
from core.settings import Settings
from db.session import Sessions, make_engine
from workers.frames.sampler import Limits, Sampler
from workers.model.client import ModelClient
from workers.model.gate import Gate
from workers.model.keys import BearerKey
from workers.model.limits import CallLimits
from workers.model.price_list import PriceList
from workers.model.profiles import profile_for
from workers.stopping import STOP, Stop


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    sessions: Sessions
    blobs: Blobs
    ring: Ring
    sampler: Sampler
    model: ModelClient
    limits: CallLimits
    prices: PriceList
    stop: Stop

    def ring_for(self, bells: Iterable[Bell]) -> None:
        """Ring for each of them."""
        for task, row_id in bells:
            self.ring(task, row_id)


def make_runtime(settings: Settings, *, stop: Stop | None = None) -> Runtime:
    """Opens nothing yet: connections are made on first use."""
    broker = connect(settings, timeout_s=2)
    profile = profile_for(settings.model_profile, settings.model_url)
    http = httpx.Client()
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else None
    return Runtime(
        settings=settings,
        sessions=Sessions(make_engine(settings)),
        blobs=Blobs(settings.blobs_url, scratch=settings.scratch_dir),
        ring=Doorbell(settings),
        sampler=Sampler(Limits.of(settings)),
        model=ModelClient(
            http,
            url=settings.model_url,
            api_key=key,
            profile=profile,
            tries=settings.model_tries,
            backoff=settings.model_backoff,
            backoff_max=settings.model_backoff_max,
            timeout=settings.model_timeout,
            gate=Gate(broker, scope(settings), rest=settings.outage_backoff, lease=settings.lease),
        ),
        limits=CallLimits(broker, scope(settings), profile),
        prices=PriceList(http, broker, settings, profile, BearerKey(key)),
        stop=stop or Stop(),
    )


@lru_cache(maxsize=1)
def _runtime_of(_pid: int) -> Runtime:
    return make_runtime(Settings(), stop=STOP)


def runtime() -> Runtime:
    """This process's runtime: nothing with a socket in it may cross a fork."""
    return _runtime_of(os.getpid())
