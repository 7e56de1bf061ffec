"""The size in which frames are stored."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.frame_size import fit


@pytest.mark.parametrize(
    ("source", "tokens", "size"),
    [
        ((1920, 1080), 220, (640, 352)),
        ((1920, 1080), 144, (512, 288)),
        ((3840, 2160), 880, (1280, 704)),
        ((1080, 1920), 144, (288, 512)),
        ((640, 480), 192, (512, 384)),
        ((640, 360), 10_000, (640, 352)),
        ((320, 240), 220, (288, 224)),
        ((1000, 1000), 100, (320, 320)),
    ],
)
def test_the_largest_size_in_proportion_within_the_tokens(source: tuple[int, int], tokens: int, size: tuple[int, int]) -> None:
    assert fit(*source, tokens=tokens) == size


@settings(deadline=None)
@given(width=st.integers(1, 8192), height=st.integers(1, 8192), tokens=st.integers(1, 2000))
def test_a_size_is_in_multiples_of_32_within_the_tokens_and_never_above_the_source(width: int, height: int, tokens: int) -> None:
    across, down = fit(width, height, tokens=tokens)
    assert across % 32 == down % 32 == 0
    assert across * down / 1024 <= tokens
    assert across <= max(width, 32)
    assert down <= max(height, 32)


@settings(deadline=None)
@given(width=st.integers(640, 4096), height=st.integers(640, 4096), tokens=st.integers(100, 2000))
def test_ordinary_pictures_keep_their_proportions(width: int, height: int, tokens: int) -> None:
    across, down = fit(width, height, tokens=tokens)
    assert across / down / (width / height) == pytest.approx(1, abs=0.08)
