"""AVI has no presentation times: a packet's time is its place in the file, in the order of decoding, and a frame that comes out of the
decoder bears the time of the packet that went in last. Where frames are reordered, both lag behind what is shown.
"""

from array import array
from bisect import bisect_right
from itertools import pairwise
from statistics import median_low

from workers.frames.index import Packets

# B-frames that may be shown before a key frame though they come after it: the usual most of encoders.
LEADING = 3


def lag_frames(packets: Packets, first_position_ms: float) -> int:
    """How many packets the decoder takes in before it gives the first frame, whose position that is."""
    key = _first_key(packets)
    return max(bisect_right(packets.times_ms, first_position_ms) - 1 - key, 0)


def as_shown(packets: Packets, lag: int) -> Packets:
    """The packets with the positions under which the decoder gives their frames, as far as it gives any: the last ones have none, and go
    on in the rhythm of the file.

    Which place a key frame has among those shown is not told; it is put where it comes at the latest, so that nothing is believed too soon.
    """
    times = packets.times_ms
    step = median_low(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 40.0
    shifted = array("d", [*times[lag:], *(times[-1] + step * number for number in range(1, min(lag, len(times)) + 1))])
    first, keys = _first_key(packets), bytearray(len(times))
    for place, is_key in enumerate(packets.keys):
        if is_key:
            keys[place if place == first else min(place + LEADING, len(keys) - 1)] = 1
    return Packets(shifted, keys, packets.failed_after, packets.container_frames)


def _first_key(packets: Packets) -> int:
    return next((place for place, is_key in enumerate(packets.keys) if is_key), 0)
