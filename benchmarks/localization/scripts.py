"""What is drawn into a video: events of eight kinds, from 1.5 seconds to 3 minutes, that overlap, follow each other, and cross windows."""

from collections.abc import Iterator
from math import exp, log
from pathlib import Path
from random import Random

from benchmarks.localization.score import Drawn
from tests.videos import make_video

KINDS = 8
SHORTEST_S, LONGEST_S = 1.5, 180.0
CLOSEST_S = 3.0
"""Events of one kind follow each other no closer: whoever errs by 3 s could not tell that they are two."""

FPS = 8


def drawn(*, hours: float, events: int, seed: int = 0) -> list[Drawn]:
    """So many events, evenly spread over the kinds; their lengths are spread evenly over orders of magnitude."""
    random = Random(seed)
    return sorted(
        (event for kind in range(KINDS) for event in _of_kind(kind, random, hours * 3600, events // KINDS)), key=lambda one: one.start_s
    )


def _of_kind(kind: int, random: Random, duration_s: float, events: int) -> Iterator[Drawn]:
    """A third of them come right after the one before."""
    lengths = [exp(random.uniform(log(SHORTEST_S), log(LONGEST_S))) for _ in range(events)]
    close = [random.random() < 1 / 3 for _ in range(events)]
    spare_s = duration_s - sum(lengths) - CLOSEST_S * (events + 1)
    if spare_s < 0:
        raise ValueError("so many events do not fit into the video")
    shares = [0.0 if follows else random.random() for follows in close]
    now_s = spare_s * random.random() / (events + 1)
    scale = (spare_s - now_s) / max(sum(shares), 1e-9) * 0.98
    for length_s, share in zip(lengths, shares, strict=True):
        now_s += CLOSEST_S + share * scale
        yield Drawn(f"mark_{kind}", round(now_s, 3), round(now_s + length_s, 3))
        now_s += length_s


def make(path: Path, events: list[Drawn], *, hours: float, still: list[tuple[float, float]] | None = None) -> None:
    """In the stretches that are `still` (in seconds) the picture stays what it was. There is no file of this name before it is whole."""
    draft = path.with_stem(f"{path.stem}-draft")
    marks = [(int(event.kind.removeprefix("mark_")), event.start_s, event.end_s) for event in events]
    make_video(draft, duration_s=hours * 3600, fps=FPS, events=marks, gop=FPS * 5, frozen=still or ())
    draft.replace(path)


def mostly_still(*, hours: float, share: float, visits: int, seed: int = 0) -> tuple[list[Drawn], list[tuple[float, float]]]:
    """A yard at night: somebody comes a few times, each time with three events; in between, for that share of the time, nothing moves."""
    random = Random(seed)
    period_s = hours * 3600 / visits
    busy_s = period_s * (1 - share)
    events, still = [], []
    for visit in range(visits):
        begin_s = visit * period_s + random.uniform(0.1, 0.8) * (period_s - busy_s)
        for place in range(3):
            start_s = begin_s + busy_s * (0.1 + 0.3 * place)
            events.append(Drawn(f"mark_{place}", round(start_s, 3), round(start_s + busy_s * 0.2, 3)))
        still += [(visit * period_s, begin_s), (begin_s + busy_s, (visit + 1) * period_s)]
    return events, still
