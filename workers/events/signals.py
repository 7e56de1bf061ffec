"""The analyser that needs no model: shot changes, black, freezes and bursts of motion, from what was measured of the sampled frames.

Calibrated at 1, 2 and 4 frames a second on street, indoor and road cameras, films with cuts and films with fades. What it cannot see: a cut
to a picture of the same colours, cuts in frames that follow each other directly (they look like fast motion), and what falls between
two samples. At 1 frame a second, a car that fills the picture looks like a cut.
"""

from collections.abc import Iterator, Sequence
from math import hypot
from statistics import median

from workers.events.detection import Detection
from workers.frames.frame import Signals

# The mean at which PySceneDetect's ThresholdDetector takes a picture for black; the deviation leaves room for a logo, not for a
# scene at night.
BLACK_LUMA = 12.0
BLACK_CONTRAST = 10.0

# A cut changes colours at once: measured at cuts 0.27 to 0.87; elsewhere up to 0.6, but then the frames beside change as much, too (fades,
# pans, exposure). Comparing with the neighbours is the idea of PySceneDetect's AdaptiveDetector.
CUT_CHANGE = 0.25
CUT_TIMES_NEIGHBOURS = 2.0
# How far two pictures are apart, as a share of what is to be expected of two that have nothing to do with each other (see `_is_cut`):
# measured at cuts 0.63 to 0.88, where people cross the picture up to 0.3. And flat, pale pictures do not count: their colours
# jump without anything to see.
CUT_UNRELATED = 0.56
CUT_MOTION = 12.0

# Stills in a film measured up to 0.15 and 0.01 (compression that settles), the quietest cameras more than one of the two within any second.
FREEZE_MOTION = 0.2
FREEZE_CHANGE = 0.01
# The default of FFmpeg's freezedetect; and one pair of alike frames proves little.
FREEZE_MS = 2000
FREEZE_FRAMES = 3

# How far a burst rises above what is usual in its window. Noise of cameras and codecs measured up to 2.7; people and cars that cross the
# picture 4 to 28. A burst begins at the full rise and lasts while half of it is kept, so that it does not fall apart.
MOTION_RISE = 4.0
MOTION_KEEPS = 0.5
# Where motion is uneven anyway, a burst rises by more deviations than chance does. MAD x 1.4826 estimates a standard deviation.
MOTION_DEVIATIONS = 3.0
MAD_TO_SIGMA = 1.4826

BLACK, FREEZE, MOTION, SHOT_CHANGE = "black", "freeze", "motion", "shot_change"
DESCRIPTIONS = {
    BLACK: "The picture is black",
    FREEZE: "The picture stands still",
    MOTION: "Strong motion",
    SHOT_CHANGE: "The shot changes",
}


def detect(frame_pts_ms: Sequence[int], signals: Sequence[Signals], *, at_end: bool = False) -> tuple[Detection, ...]:
    """What the signals of one window's frames show, by time. Nothing is known of how sure it is, so no confidence is stated.

    `signals[i]` belongs to the frame at `frame_pts_ms[i]`; its `change` and `motion` compare it with the sampled frame before, which
    for the first frame lies in the window before (None: nowhere). `at_end`: no window comes after this one.
    """
    black = [signal.luma <= BLACK_LUMA and signal.contrast <= BLACK_CONTRAST for signal in signals]
    cuts = [_is_cut(signals, black, at, at_end=at_end) for at in range(len(signals))]
    found = [
        *(_stretch(BLACK, frame_pts_ms, first, last, open_start=first == 0) for first, last in _runs(black)),
        *(_instant(SHOT_CHANGE, frame_pts_ms, at) for at, cut in enumerate(cuts) if cut),
        *_freezes(frame_pts_ms, signals, black),
        *_bursts(frame_pts_ms, signals, cuts),
    ]
    return tuple(sorted(found, key=lambda detection: (detection.first_pts_ms, detection.last_pts_ms, detection.type)))


def _is_cut(signals: Sequence[Signals], black: Sequence[bool], at: int, *, at_end: bool) -> bool:
    """A change that stands alone, to a picture that is unrelated to the one before. To and from black is told as black.

    Not for the first and the last frame: what stands beside them is not known here, but in the next window, which shares them. After the
    last frame of the video nothing stands.
    """
    if not 0 < at < len(signals) - (0 if at_end else 1) or black[at - 1] or black[at]:
        return False
    before, here = signals[at - 1 : at + 1]
    after_change = signals[at + 1].change if at + 1 < len(signals) else None
    if here.change is None or here.motion is None:
        return False
    # The root mean square difference of independent pictures with these means and deviations. The mean difference is 0.8 of it (normal
    # distributions of equal means) to 1 (means far apart).
    unrelated = hypot(before.contrast, here.contrast, here.luma - before.luma)
    alone = here.change >= CUT_TIMES_NEIGHBOURS * max(before.change or 0.0, after_change or 0.0)
    return alone and here.change >= CUT_CHANGE and here.motion >= max(CUT_MOTION, CUT_UNRELATED * unrelated)


def _freezes(pts: Sequence[int], signals: Sequence[Signals], black: Sequence[bool]) -> Iterator[Detection]:
    still = [_is_still(signal) and not black[at] for at, signal in enumerate(signals)]
    for start, last in _runs(still):
        # The first that is like the one before: the picture stood still since that one.
        first = max(start - 1, 0)
        if pts[last] - pts[first] >= FREEZE_MS and last - first + 1 >= FREEZE_FRAMES:
            yield _stretch(FREEZE, pts, first, last, open_start=first == 0 and (start == 0 or signals[0].motion is None))


def _is_still(signal: Signals) -> bool:
    if signal.motion is None or signal.change is None:
        return False
    return signal.motion <= FREEZE_MOTION and signal.change <= FREEZE_CHANGE


def _bursts(pts: Sequence[int], signals: Sequence[Signals], cuts: Sequence[bool]) -> Iterator[Detection]:
    """Motion above what is usual in the window."""
    motions = [_net_motion(signals, at) for at in range(len(signals))]
    usual, rise = _usual_motion([motion for motion in motions[1:] if motion is not None])
    moving = [motion is not None and motion >= usual + MOTION_KEEPS * rise and not cuts[at] for at, motion in enumerate(motions)]
    for first, last in _runs(moving):
        if max(motions[at] or 0.0 for at in range(first, last + 1)) < usual + rise or last == 0:
            continue
        # Motion was measured between a frame and the one before; that it began or ended there a little earlier or later does not show.
        step_ms = pts[last] - pts[last - 1]
        end = last if last == len(pts) - 1 else max(first, last - 1)
        yield _stretch(MOTION, pts, first, end, open_start=first == 0, slack_ms=step_ms)


def _usual_motion(motions: Sequence[float]) -> tuple[float, float]:
    """What is usual, and how much more makes a burst."""
    if not motions:
        return 0.0, MOTION_RISE
    usual = median(motions)
    return usual, max(MOTION_RISE, MOTION_DEVIATIONS * MAD_TO_SIGMA * median(abs(motion - usual) for motion in motions))


def _net_motion(signals: Sequence[Signals], at: int) -> float | None:
    """Motion less the change of the mean brightness: fades and cameras that adapt to the light change every pixel and move nothing."""
    motion = signals[at].motion
    # The brightness before the first frame is not known here.
    return motion if motion is None or at == 0 else motion - abs(signals[at].luma - signals[at - 1].luma)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last position of each unbroken run."""
    first = None
    for at, flag in enumerate([*flags, False]):
        if flag and first is None:
            first = at
        elif not flag and first is not None:
            yield first, at - 1
            first = None


def _instant(type_: str, pts: Sequence[int], at: int) -> Detection:
    return Detection(type_, DESCRIPTIONS[type_], pts[at], pts[at], instant=True)


def _stretch(type_: str, pts: Sequence[int], first: int, last: int, *, open_start: bool, slack_ms: int = 0) -> Detection:
    return Detection(
        type_,
        DESCRIPTIONS[type_],
        pts[first],
        pts[last],
        open_start=open_start,
        open_end=last == len(pts) - 1,
        start_slack_ms=slack_ms,
        end_slack_ms=slack_ms,
    )
