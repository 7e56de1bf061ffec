"""Frames with marks, and questions about them."""

from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from core.spans import Span
from tests import marks
from workers.model.question import EventType, Question

WINDOW = Span(56_000, 64_000)
MARKS = Question(tuple(EventType(f"mark_{bit}", f"Mark {bit} is shown") for bit in range(8)))

# Which events (bits) go on between which times, both ends shown.
Seen = Mapping[int, Iterable[tuple[int, int]]]


def frame(pts_ms: int, bits: int, *, size: tuple[int, int] = (320, 192)) -> tuple[int, bytes]:
    """One frame as the sampler stores it: its time, and a JPEG."""
    width, height = size
    # Noise around the mark, so that frames are as large as real ones.
    image = np.random.default_rng(pts_ms).integers(0, 256, (height, width, 3), np.uint8)
    marks.draw(image, time_ms=pts_ms, bits=bits)
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return pts_ms, jpeg.tobytes()


def frames(times_ms: Iterable[int], seen: Seen, *, size: tuple[int, int] = (320, 192)) -> list[tuple[int, bytes]]:
    return [frame(pts_ms, _bits(pts_ms, seen), size=size) for pts_ms in times_ms]


def _bits(pts_ms: int, seen: Seen) -> int:
    return sum(1 << bit for bit, spans in seen.items() if any(first <= pts_ms <= last for first, last in spans))
