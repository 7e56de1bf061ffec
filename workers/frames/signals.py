"""What can be measured of a sampled frame without a model, on the small picture that is stored."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.frames.frame import Signals

Picture = NDArray[np.uint8]

# Motion is measured on a picture this small, so that noise and compression average out.
SMALL = (64, 36)
COLOURS = [8, 8, 8]


class Look(NamedTuple):
    """What of a frame is kept to compare the next one with."""

    small_grey: NDArray[Any]
    histogram: NDArray[Any]


def measure(picture: Picture, before: Look | None) -> tuple[Signals, Look]:
    """The signals of a BGR picture, given the look of the sampled frame before; and its own look, for the next."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA)
    histogram = cv2.calcHist([picture], [0, 1, 2], None, COLOURS, [0, 256] * 3)
    look = Look(small, histogram)
    mean, deviation = cv2.meanStdDev(grey)
    change = motion = peak = None
    if before is not None:
        change = round(float(cv2.compareHist(before.histogram, look.histogram, cv2.HISTCMP_BHATTACHARYYA)), 4)
        difference = cv2.absdiff(before.small_grey, look.small_grey)
        motion, peak = round(float(difference.mean()), 2), float(difference.max())
    return Signals(round(float(mean[0, 0]), 2), round(float(deviation[0, 0]), 2), change, motion, peak), look
