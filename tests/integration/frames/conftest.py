"""One decoder for the hundreds of small videos of a test module."""

from collections.abc import Iterator

import pytest

from tests.integration.frames.many import many
from workers.frames.sampler import Sampler


@pytest.fixture(scope="module")
def sampler() -> Iterator[Sampler]:
    with many() as made:
        yield made
