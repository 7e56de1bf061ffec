"""The decoding loops: a run of a plan in, the wanted frames out. Runs in the decoder's process."""

from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.frames.capture import position_ms, shows_intra
from workers.frames.index import Index
from workers.frames.plan import ASK_FRAMES, Run, seekable_key
from workers.frames.probe import Source

Alive = Callable[[], None]

# Failed reads in a row that are borne beyond the frames that the index still promises.
PATIENCE = 64
# Promised frames that may be passed over at once without a loss: some packets hold no picture (VP8's and VP9's reference frames).
SKIPPED = 4


class Picture(NamedTuple):
    """A frame as decoded, upright, in BGR."""

    pts_ms: int
    pixels: NDArray[np.uint8]


class Missing(NamedTuple):
    """A wanted frame that the decoder did not give, nor another in its stead."""

    pts_ms: int


def decode(source: Source, run: Run, *, tolerance_ms: int, alive: Alive) -> Iterator[Picture | Missing]:
    """The wanted frames in order of time.

    In the stead of a frame that does not come (some packets are never shown, some are damaged) stands the next one that does, if it is
    not later by more than the tolerance; it carries its own time.
    """
    wanted, now = deque(run.wanted_ms), -1
    capture, landed = _start(source, run)
    for now in _times(capture, source.index, landed, alive=alive):
        passed = _take(wanted, before=now)
        yield from (Missing(time) for time in passed if now - time > tolerance_ms)
        is_wanted = bool(_take(wanted, before=now + 1))
        if is_wanted or (passed and now - passed[-1] <= tolerance_ms):
            yield Missing(now) if source.index.begins_hole(now) else _picture(capture, now)
        if not wanted:
            return
    yield from (Missing(time) for time in wanted if time - now > tolerance_ms)


def decode_keys(source: Source, run: Run, *, alive: Alive) -> Iterator[Picture | Missing]:
    """The wanted key frames in order of time, and no others in their stead: for what is missing here all frames can still be decoded."""
    wanted = deque(run.wanted_ms)
    capture, landed = _start(source, run)
    for now in _key_times(capture, source.index, landed, alive=alive):
        yield from (Missing(time) for time in _take(wanted, before=now))
        if _take(wanted, before=now + 1):
            yield Missing(now) if source.index.begins_hole(now) else _picture(capture, now)
        if not wanted:
            return
    yield from (Missing(time) for time in wanted)


def _picture(capture: cv2.VideoCapture, now: int) -> Picture | Missing:
    good, pixels = capture.retrieve()
    return Picture(now, np.asarray(pixels, np.uint8)) if good else Missing(now)


def _start(source: Source, run: Run) -> tuple[cv2.VideoCapture, int | None]:
    """A capture at or before the first wanted frame, and the time of the frame that was grabbed on the way."""
    key = run.key_ms if source.frame_rate > 0 else None
    while key is not None:
        capture = _open(source, run)
        capture.set(cv2.CAP_PROP_POS_MSEC, source.index.zero_ms + key + ASK_FRAMES * 1000 / source.frame_rate)
        if capture.grab() and (landed := source.index.time_of(position_ms(capture))) <= run.wanted_ms[0]:
            return capture, landed
        key = seekable_key(source.index, before_ms=key, keys_alone=run.keys_alone)
    return _open(source, run), None


def _open(source: Source, run: Run) -> cv2.VideoCapture:
    return source.file.open(source.codec, keys_alone=run.keys_alone)


def _key_times(capture: cv2.VideoCapture, index: Index, landed: int | None, *, alive: Alive) -> Iterator[int]:
    """The time of each key frame that is grabbed and needs no other frame. A decoder that gives other frames too costs time, no more."""
    now, failures = -1 if landed is None else landed, 0
    if landed is not None and _stands_alone(capture, index, landed):
        yield landed
    while failures <= index.frames_after(now) + index.others + PATIENCE:
        alive()
        if not capture.grab():
            failures += 1
            continue
        now, failures = index.time_of(position_ms(capture)), 0
        if _stands_alone(capture, index, now):
            yield now


def _stands_alone(capture: cv2.VideoCapture, index: Index, time_ms: int) -> bool:
    return index.is_key(time_ms) and shows_intra(capture)


def _times(capture: cv2.VideoCapture, index: Index, landed: int | None, *, alive: Alive) -> Iterator[int]:
    """The time of each frame that is grabbed and can be trusted.

    A failed read is not the end while the index promises more. But after a loss decoders go on with pictures that refer to lost ones, or
    give old ones under new times (dav1d, measured): nothing is believed until a key frame comes, if one is still to come.
    """
    now, failures, lost_at = -1 if landed is None else landed, 0, inf
    if landed is not None:
        yield landed
    while failures <= index.frames_after(now) + index.others + PATIENCE:
        alive()
        if not capture.grab():
            failures += 1
            continue
        before, now = now, index.time_of(position_ms(capture), after_ms=now)
        if failures or index.frames_between(before, now) > SKIPPED:
            lost_at = min(lost_at, before)
        failures = 0
        if index.is_key(now) or not index.has_key_after(lost_at):
            lost_at = inf
        if lost_at == inf and not index.is_false(now):
            yield now


def _take(wanted: deque[int], *, before: int) -> list[int]:
    taken = []
    while wanted and wanted[0] < before:
        taken.append(wanted.popleft())
    return taken
