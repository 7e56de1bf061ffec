"""Measuring frames that were sampled before. They are JPEGs of our own, so no sandbox is needed."""

from collections.abc import Sequence

import cv2
import numpy as np

from workers.frames.frame import Signals
from workers.frames.signals import Picture, measure


def measure_again(jpegs: Sequence[bytes], *, before: bytes | None) -> list[Signals]:
    """The signals of frames in a row; `before` is the one that the first of them is compared with."""
    look = None if before is None else measure(_picture(before), None)[1]
    found = []
    for jpeg in jpegs:
        signals, look = measure(_picture(jpeg), look)
        found.append(signals)
    return found


def _picture(jpeg: bytes) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
