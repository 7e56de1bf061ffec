"""The packet index: when each frame is presented, and which ones are key frames, without decoding anything."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from statistics import median_low
from typing import NamedTuple

import cv2

from core.spans import Span, union
from workers.frames.capture import position_ms
from workers.frames.containers.ending import WHOLE, Ending

# Failed reads in a row after which the file counts as read: a damaged stretch fails packet by packet, the end fails for ever.
PATIENCE = 10_000
# Packets enough to narrow down the container's start.
START_PACKETS = 64
# Times further from zero than this are not times; FFmpeg's "unknown" comes out near 1e17.
ABSURD_MS = 1e12
# No codec decodes a frame more than 16 places away from where it is shown.
REORDERED = 32
# Rounding to milliseconds must not depend on the last bits of a double.
HALF_UP = 0.5 + 1e-6


@dataclass(frozen=True, slots=True)
class Packets:
    """What raw reading gives, in the order of decoding: times in milliseconds on the capture's own clock, key flags (0 or 1), after
    how many good packets a read failed, and the times of the first packets on the container's clock, in whole frames.
    """

    times_ms: Sequence[float]
    keys: Sequence[int]
    failed_after: Sequence[int] = ()
    container_frames: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """What an edit list does. `shift_ms`: to be added to raw times to get the decoder's. `until_ms`: end of what is shown, on the
    decoder's clock, where zero is the beginning. `start_ms`: zero of the decoder's clock on the container's; None where
    only packets tell.
    """

    shift_ms: float = 0.0
    until_ms: float = inf
    start_ms: float | None = 0.0


class Rejoin(NamedTuple):
    """From this position on the decoder's clock is late: frames are shown that much later than it says (`rejoin`)."""

    position_ms: float
    shift_ms: float


@dataclass(frozen=True, slots=True)
class Index:
    """The frames that are presented. All times count from the first of them, and ascend.

    `zero_ms`: the time of the first frame on the decoder's clock; `start_ms`: on the container's. `usual_ms`: the usual time between
    two frames; `regular`: nearly all keep to it. `holes`: where frames must have been and no packet tells of them, or none that can be
    trusted. `others`: how many reads gave no such frame: packets that are never shown, or in holes, and failed ones. `lags`: the decoder
    gives positions of later packets (`lag`), so that frames can be timed in a full pass only, not among key frames alone. `rejoin`: after
    damage the decoder's clock is late; it is only known by how much if the file is decoded from its start.
    """

    zero_ms: float
    start_ms: int
    pts_ms: Sequence[int]
    key_ms: Sequence[int]
    usual_ms: float
    regular: bool
    duration_ms: int
    holes: tuple[Span, ...] = ()
    others: int = 0
    lags: bool = False
    rejoin: Rejoin | None = None

    def time_of(self, position: float, *, after_ms: int | None = None) -> int:
        """The frame time of a position on the decoder's clock; `after_ms`: time of the frame before, where it is known.

        In files that lag the last frames come without a position: each is the next one after that, or (`duration_ms`) any.
        """
        if self.lags and position < self.zero_ms:
            return self.duration_ms if after_ms is None else self._next_after(after_ms)
        late = self.rejoin.shift_ms if self.rejoin and position >= self.rejoin.position_ms else 0.0
        return round_ms(position + late - self.zero_ms)

    def is_false(self, time_ms: int) -> bool:
        """Whether a frame that says so is none of those that are known: where frames are counted, what is found in a hole is not."""
        return self.rejoin is not None and any(hole.start_ms < time_ms < hole.end_ms for hole in self.holes)

    def _next_after(self, time_ms: int) -> int:
        return self.pts_ms[min(bisect_right(self.pts_ms, time_ms), len(self.pts_ms) - 1)]

    def frames_after(self, time_ms: int) -> int:
        return len(self.pts_ms) - bisect_right(self.pts_ms, time_ms)

    def frames_between(self, earlier_ms: int, later_ms: int) -> int:
        """How many frames lie between two times, both left out."""
        return max(bisect_left(self.pts_ms, later_ms) - bisect_right(self.pts_ms, earlier_ms), 0)

    def is_key(self, time_ms: int) -> bool:
        place = bisect_left(self.key_ms, time_ms)
        return place < len(self.key_ms) and self.key_ms[place] == time_ms

    def begins_hole(self, time_ms: int) -> bool:
        """Whether this is the last frame before a hole. The damage may begin in its packet; a decoder then paints an earlier one."""
        return any(hole.start_ms == time_ms for hole in self.holes)

    def has_key_after(self, time_ms: float) -> bool:
        return bool(self.key_ms) and self.key_ms[-1] > time_ms


def round_ms(time: float) -> int:
    return int((time + HALF_UP) // 1)


def read_packets(capture: cv2.VideoCapture, *, alive: Callable[[], None]) -> Packets:
    """Read the file to its end. A failed read is not the end of it."""
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    times, keys, failed_after, container_frames, failures = array("d"), bytearray(), array("q"), array("d"), 0
    while failures < PATIENCE:
        alive()
        if not capture.grab():
            failures += 1
            continue
        failed_after.extend([len(times)] * failures)
        failures = 0
        time = position_ms(capture)
        if abs(time) < ABSURD_MS:
            times.append(time)
            keys.append(int(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)))
            if len(times) <= START_PACKETS:
                container_frames.append(capture.get(cv2.CAP_PROP_PTS))
    return Packets(times, keys, failed_after, container_frames)


def build(
    packets: Packets,
    *,
    frame_rate: float,
    edits: Edits | None = None,
    ending: Ending = WHOLE,
    lag: int = 0,
    rejoin: Rejoin | None = None,
) -> Index:
    """The index of at least one packet; `edits` for containers that have edit lists, `frame_rate` as FFmpeg guesses it, `lag` in frames."""
    bounds = edits or Edits()
    times = [time + bounds.shift_ms for time in packets.times_ms]
    zero = _first_presented(times, packets, edited=edits is not None)
    frames = [round_ms(time - zero) for time in times]
    shown = [zero <= time < bounds.until_ms for time in times]
    pts = sorted({frame for frame, is_shown in zip(frames, shown, strict=True) if is_shown}) or [0]
    key = sorted({frame for frame, is_shown, is_key in zip(frames, shown, packets.keys, strict=True) if is_shown and is_key})
    usual, regular = _rhythm(pts, frame_rate)
    holes = _silences(pts, usual_ms=usual, damaged=ending.broken or bool(packets.failed_after)) if regular else []
    holes += [hole for hole in _failures(frames, packets.failed_after) if hole.length_ms > 1.5 * usual]
    places = {frame: place for place, frame in enumerate(frames)} if holes else {}
    holes = union(_widen(hole, frames, places, pts, key) for hole in holes)
    told = edits.start_ms if edits else None
    start = round_ms(_start_ms(packets, zero, frame_rate, ending.starts_ms) if told is None else zero + told)
    end = max(pts[-1] + max(round_ms(usual), 1), ending.promised_ms - (start if ending.on_clock else 0))
    if ending.cut_off or end - pts[-1] > 2 * usual + 1:
        holes = union([*holes, Span(_before(pts, bisect_left(pts, min(frames[-1], pts[-1])) - lag), end)])
    if ending.sure_frames is not None:
        holes = union([*holes, Span(_before(pts, ending.sure_frames - 1 - lag), end)])
    good = _outside(pts, holes)
    return Index(
        zero_ms=zero,
        start_ms=start,
        pts_ms=array("q", good),
        key_ms=array("q", key),
        usual_ms=usual,
        regular=regular,
        duration_ms=end,
        holes=tuple(holes),
        others=len(times) + len(packets.failed_after) - len(good),
        lags=lag > 0,
        rejoin=rejoin,
    )


def _start_ms(packets: Packets, zero: float, frame_rate: float, written_ms: Sequence[float]) -> float:
    """The first frame's time on the container's clock: the nearest of those that are written there, where OpenCV's is not far off."""
    about = zero + _container_start_ms(packets, frame_rate)
    nearest = min(written_ms, key=lambda written: abs(written - about), default=about)
    return nearest if frame_rate > 0 and abs(nearest - about) <= 1000 / frame_rate else about


def _container_start_ms(packets: Packets, frame_rate: float) -> float:
    """Where zero of the capture's clock lies on the container's. OpenCV tells the latter in whole frames only, so each packet narrows it
    down to one frame; what is left is at most half a frame wrong.
    """
    if frame_rate <= 0 or not packets.container_frames:
        return 0.0
    starts = [1000 * number / frame_rate - time for number, time in zip(packets.container_frames, packets.times_ms, strict=False)]
    start = (max(starts) + min(starts)) / 2
    return start if abs(start) < ABSURD_MS else 0.0


def _first_presented(times: Sequence[float], packets: Packets, *, edited: bool) -> float:
    """The earliest frame that a decoder can give: what comes before the first key frame refers to frames that are not there.

    An edit list withholds what is before zero. It also knows of a beginning that cannot be read any more: that was at zero.
    """
    place = next((place for place, is_key in enumerate(packets.keys) if is_key), 0)
    earliest = max(times[place], -HALF_UP) if edited else times[place]
    zero = min((time for time in times if time >= earliest), default=times[place])
    return 0.0 if edited and any(failed <= place for failed in packets.failed_after) else zero


def _rhythm(pts: Sequence[int], frame_rate: float) -> tuple[float, bool]:
    """The usual time from frame to frame, and whether nearly all keep to it."""
    steps = sorted(later - earlier for earlier, later in pairwise(pts))
    if not steps:
        return (1000 / frame_rate if 1 <= frame_rate <= 1000 else 40.0), True
    middle, few = median_low(steps), len(steps) // 20
    # The mean of the ordinary steps: 33.37 where the median says 33.
    ordinary = [step for step in steps if middle / 2 <= step <= middle * 3 / 2]
    return sum(ordinary) / len(ordinary), steps[-1 - few] - steps[few] <= max(2, middle // 5)


def _silences(pts: Sequence[int], *, usual_ms: float, damaged: bool) -> list[Span]:
    """Where frames that otherwise keep a rhythm stay away for long.

    FFmpeg finds its way again after damage in mkv, webm and mpegts without any error; the silence is all there is to see. A variable
    frame rate may be silent for long and lack nothing.
    """
    long = 1.5 * usual_ms if damaged else max(8 * usual_ms, 1000)
    return [Span(before, after) for before, after in pairwise(pts) if after - before > long]


def _failures(frames: Sequence[int], failed_after: Sequence[int]) -> list[Span]:
    """Around each failed read: from the latest frame before it to the earliest after."""
    places = sorted({place for place in failed_after if place < len(frames)})
    if not places:
        return []
    latest_before = [0, *accumulate(frames, max)]
    earliest_after = [*accumulate(reversed(frames), min)][::-1]
    return [Span(max(latest_before[place], 0), earliest_after[place]) for place in places if latest_before[place] < earliest_after[place]]


def _widen(hole: Span, frames: Sequence[int], places: Mapping[int, int], pts: Sequence[int], keys: Sequence[int]) -> Span:
    """From before the last frame, of which a part may be lost too, and before what was decoded after it and refers to it; until the next
    key frame: up to there the decoder goes on, but shows pictures that refer to lost ones.
    """
    last = places.get(hole.start_ms, 0)
    spoilt = min((time for time in frames[last : last + REORDERED] if time <= hole.start_ms), default=hole.start_ms)
    before, key = bisect_left(pts, spoilt) - 1, bisect_left(keys, hole.end_ms)
    return Span(pts[before] if before >= 0 else hole.start_ms - 1, keys[key] if key < len(keys) else hole.end_ms)


def _before(pts: Sequence[int], place: int) -> int:
    """The frame before the one in that place, which may be damaged: where a file is cut off the last packet may not be whole. Where frames
    lag it may be shown that much earlier than it says.
    """
    return pts[min(place, len(pts)) - 1] if place > 0 else -1


def _outside(pts: Sequence[int], holes: Sequence[Span]) -> list[int]:
    """The frames that lie in no hole; those at its edges are good."""
    bad = [range(bisect_right(pts, hole.start_ms), bisect_left(pts, hole.end_ms)) for hole in holes]
    skipped = {place for places in bad for place in places}
    return [time for place, time in enumerate(pts) if place not in skipped]
