"""The marks that carry time and events in the pixels of the test videos."""

import cv2
import numpy as np
import pytest

from tests import marks
from tests.marks import Image, Mark


def textured(width: int, height: int, *, seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def marked(width: int, height: int, *, time_ms: int, bits: int) -> Image:
    image = textured(width, height)
    marks.draw(image, time_ms=time_ms, bits=bits)
    return image


@pytest.mark.parametrize("time_ms", [0, 1, 999, 119_900, 86_400_000, (1 << 28) - 1])
@pytest.mark.parametrize("bits", [0, 1, 0b1000_0000, 0xFF])
def test_a_mark_reads_back_what_was_drawn(time_ms: int, bits: int) -> None:
    assert marks.read(marked(640, 360, time_ms=time_ms, bits=bits)) == Mark(time_ms, bits)


@pytest.mark.parametrize("size", [(512, 288), (256, 160), (128, 96), (288, 512), (320, 320)])
def test_a_mark_survives_resizing_and_jpeg(size: tuple[int, int]) -> None:
    small = cv2.resize(marked(640, 360, time_ms=61_234, bits=0b101), size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert marks.read(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)) == Mark(61_234, 0b101)


def test_a_picture_without_a_mark_reads_as_none() -> None:
    assert marks.read(textured(640, 360)) is None
    assert marks.read(np.zeros((360, 640, 3), np.uint8)) is None


def test_a_mark_turned_on_its_side_reads_as_none() -> None:
    assert marks.read(np.rot90(marked(640, 360, time_ms=5000, bits=2)).copy()) is None


@pytest.mark.parametrize("cell", range(marks.ROWS * marks.COLUMNS))
def test_one_wrong_cell_makes_the_mark_untrusted(cell: int) -> None:
    image = marked(640, 360, time_ms=5000, bits=2)
    row, column = divmod(cell, marks.COLUMNS)
    ys = slice(round(360 * (0.12 + 0.76 * row / 7)), round(360 * (0.12 + 0.76 * (row + 1) / 7)))
    xs = slice(round(640 * (0.1 + 0.8 * column / 8)), round(640 * (0.1 + 0.8 * (column + 1) / 8)))
    image[ys, xs] = 255 - image[ys, xs]
    assert marks.read(image) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        marks.draw(textured(64, 64), time_ms=1 << 28, bits=0)
    with pytest.raises(ValueError, match="does not fit"):
        marks.draw(textured(64, 64), time_ms=0, bits=256)
