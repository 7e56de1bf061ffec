"""Opening a file with OpenCV so that FFmpeg opens nothing else and decodes with nothing else. Runs in the decoder's process."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2

from core.containers import Container
from workers.frames.codec import Codec
from workers.frames.sandbox.guard import VARIABLE, capture_options


@dataclass(frozen=True, slots=True)
class File:
    """A file and the only demuxer that may open it. `whole_bytes`: it is read no further than that; None: to its end."""

    path: Path
    container: Container
    whole_bytes: int | None = None

    def open(self, codec: Codec | None = None, *, keys_alone: bool = False) -> cv2.VideoCapture:
        """With the codec's decoder and no other; without a codec, to look at its packets. Check `isOpened()`."""
        os.environ[VARIABLE] = capture_options(self.container, codec, part=self.whole_bytes is not None, keys_alone=keys_alone)
        name = str(self.path.absolute())
        if self.whole_bytes is not None:
            name = f"subfile,,start,0,end,{self.whole_bytes},,:{name}"
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG)


def position_ms(capture: cv2.VideoCapture) -> float:
    """Presentation time of what was grabbed last, from the stream's start time as FFmpeg knows it."""
    return capture.get(cv2.CAP_PROP_POS_MSEC)


def shows_intra(capture: cv2.VideoCapture) -> bool:
    """Whether what was grabbed last refers to no other picture. Containers mark as key what does: the start of a gradual refresh, or two
    fields of which one refers to the other.
    """
    return int(capture.get(cv2.CAP_PROP_FRAME_TYPE)) == ord("I")
