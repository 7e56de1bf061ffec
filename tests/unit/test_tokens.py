"""What a prompt should cost."""

import cv2
import numpy as np
import pytest

from core.spans import Span
from workers.model import tokens
from workers.model.prompt import messages
from workers.model.question import Question


def jpeg(width: int, height: int) -> bytes:
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize("size", [(640, 352), (32, 32), (352, 640), (8192, 32)])
def test_a_jpeg_says_how_large_it_is(size: tuple[int, int]) -> None:
    assert tokens.jpeg_size(jpeg(*size)) == size


@pytest.mark.parametrize("junk", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x02", b"GIF89a      "])
def test_what_is_no_jpeg_has_no_size(junk: bytes) -> None:
    with pytest.raises(ValueError, match="no frame header"):
        tokens.jpeg_size(junk)


def test_a_token_for_each_32_x_32_pixels_and_the_words() -> None:
    frames = [(1000 * n, jpeg(640, 352)) for n in range(8)]
    prompt = messages(Question(), frames, window=Span(0, 8000))
    words = sum(len(part["text"]) for part in prompt[1]["content"] if part["type"] == "text") + len(prompt[0]["content"])
    assert tokens.predicted(prompt, frames) == 8 * 220 + words // 4


@pytest.mark.parametrize(("billed", "far"), [(0, False), (499, True), (500, False), (1000, False), (2000, False), (2001, True)])
def test_a_bill_is_far_off_at_half_and_at_double(billed: int, far: bool) -> None:
    assert tokens.are_unexpected(billed, 1000) is far
