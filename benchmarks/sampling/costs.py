"""What the planner weighs, measured: `workers/frames/cost.py` has these numbers, rounded."""

import os
import time
from pathlib import Path
from statistics import median

from workers.frames.cost import Costs


def measure(video: Path) -> Costs:
    """CPU milliseconds on this machine, of a video with B-frames and few key frames."""
    os.environ["OPENCV_FFMPEG_THREADS"] = "1"
    from workers.frames.probe import Bounds, probe  # noqa: PLC0415

    source = probe(video, Bounds(8192, 35_000_000, 86_400_000), alive=_nothing)
    keys, packets = len(source.index.key_ms), len(source.index.pts_ms)

    def grab(*, keys_alone: bool) -> float:
        capture = source.file.open(source.codec, keys_alone=keys_alone)
        began = time.process_time()
        while capture.grab():
            pass
        return 1000 * (time.process_time() - began)

    def opening() -> float:
        began = time.process_time()
        source.file.open(source.codec).release()
        return 1000 * (time.process_time() - began)

    def read() -> float:
        capture = source.file.open()
        capture.set(RAW, -1)
        began = time.process_time()
        while capture.grab():
            pass
        return 1000 * (time.process_time() - began)

    def seeking() -> float:
        """To a key frame, without the frames that are decoded there."""
        capture = source.file.open(source.codec)
        began = time.process_time()
        capture.set(POSITION, source.index.zero_ms + source.index.key_ms[-2] + 18_000 / source.frame_rate)
        return 1000 * (time.process_time() - began)

    from cv2 import CAP_PROP_FORMAT as RAW  # noqa: PLC0415
    from cv2 import CAP_PROP_POS_MSEC as POSITION  # noqa: PLC0415

    packet = median(read() for _ in range(3)) / packets
    key = median(grab(keys_alone=True) for _ in range(3)) / keys - packet * packets / keys
    frame = (median(grab(keys_alone=False) for _ in range(3)) - key * keys) / (packets - keys)
    seek = median(seeking() for _ in range(5)) - 18 * frame - key
    return Costs(key, frame, packet, median(opening() for _ in range(5)), seek)


def _nothing() -> None:
    """Nobody listens."""
