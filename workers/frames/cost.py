"""What it costs to reach a frame: what the planner weighs."""

from typing import NamedTuple


class Costs(NamedTuple):
    """CPU milliseconds: of a key frame, and of any other frame decoded along with those before it; of a packet that is passed over; of
    opening the file; and of finding a place in it.
    """

    key: float
    frame: float
    packet: float
    open: float
    seek: float


# H.264 at 1080p and 8 Mb/s, by `python -m benchmarks.sampling --costs`. Other codecs cost more or less in all at once: it is the ratios
# that decide.
AT_1080P = Costs(key=26.0, frame=6.3, packet=0.006, open=31.0, seek=65.0)


def costs(width: int, height: int) -> Costs:
    """Decoding goes by the pixels; opening and seeking too, for frames are decoded there; reading packets does not."""
    scale = width * height / (1920 * 1080)
    return Costs(*(cost * scale for cost in AT_1080P))._replace(packet=AT_1080P.packet)
