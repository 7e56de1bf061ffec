"""A server that stores uploads in small pieces, and what speaks to it."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from core.settings import Settings
from db.session import Sessions
from tests.conftest import serving
from tests.integration.mortal import Fate, MortalRing
from tests.integration.tus.speaking import Tus
from workers.runtime import Runtime, make_runtime

PART = 4096 + 904


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"upload_part_bytes": PART})


@pytest.fixture
def tus(settings: Settings, api_key: str) -> Iterator[Tus]:
    with serving(settings) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        yield Tus(client)


@pytest.fixture
def runtime(settings: Settings, sessions: Sessions) -> Runtime:
    return replace(make_runtime(settings), sessions=sessions, ring=MortalRing(Fate(None)))
