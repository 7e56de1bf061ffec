"""The whole stack, as `make up` starts it, with the test model server as the model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from playhead import Client
from standalone.stack import Stack, stack
from tests.model_server.running import ModelServer, start
from tests.videos import make_video

# Bit k of the marks is what the model server calls `mark_k`. Times in seconds; none lies on a sampled frame, as in life.
EVENTS = (
    (0, 3.3, 9.7),
    (1, 8.2, 8.2 + 3.4),  # while mark_0 is still there
    (0, 14.4, 16.3),  # the same again: two events, not one
    (2, 50.2, 71.6),  # over the border of two windows (56 to 64 s is seen by both)
    (0, 58.7, 61.2),  # wholly inside what both windows see
    (1, 100.4, 120.0),  # until the very end
)
DURATION_MS = 120_000


@pytest.fixture(scope="package")
def model() -> Iterator[ModelServer]:
    with start() as server:
        yield server


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory, model: ModelServer) -> Iterator[Stack]:
    """Leases are short, so that what a kill leaves behind is taken up soon."""
    environment = {
        "PLAYHEAD_MODEL_URL": model.url,
        "PLAYHEAD_MODEL_API_KEY": model.key,
        "PLAYHEAD_MODEL_BACKOFF": "0.1",
        "PLAYHEAD_LEASE": "4",
        "PLAYHEAD_SWEEP_EVERY": "1",
        "PLAYHEAD_OUTAGE_BACKOFF": "1",
        "PLAYHEAD_STOP_PATIENCE": "4",
        "PLAYHEAD_SEGMENT_WINDOWS": "2",
        "PLAYHEAD_OUTBOUND_HTTP": "true",
        "PLAYHEAD_OUTBOUND_ALLOW": '["127.0.0.1/32"]',
        "PLAYHEAD_CORS_ORIGINS": '["https://player.example.com"]',
    }
    with stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        yield running


@pytest.fixture
def client(whole: Stack, model: ModelServer) -> Iterator[Client]:
    model.control.honest()
    model.control.clear()
    with Client(whole.url, whole.api_key) as made:
        yield made


@pytest.fixture(scope="package")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of H.264 at 10 frames a second."""
    path = tmp_path_factory.mktemp("videos") / "two-minutes.mp4"
    make_video(path, duration_s=DURATION_MS / 1000, fps=10, events=EVENTS, bframes=2, gop=50)
    return path
