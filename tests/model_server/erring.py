"""A model that errs as real ones do, all at once: what the benchmark of localization holds the pipeline against."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

from tests.model_server.request import Request

Behaviour = Mapping[str, Any]

JITTER_FRAMES, JITTER_S = 3.0, 3.0
"""How far a stated boundary may lie from the true one: so many steps between the frames that were shown, which is 3 s at a frame a second.
By frames and not by seconds, since a model reads times off the frames that it is shown. One that is `hard` is off by that many seconds in
second looks too, however dense their frames are.
"""

HARD_BLIND = 0.10
"""This share of second looks of one that is `hard` is wrong about whether the event is there at all."""

EDGE_S, MISSED = 8.0, 0.10
"""Of what begins or ends so near to the window's edge this share is not told of."""

INVENTED = 0.10
"""So many events are told of that are not there, as a share of those that are."""

CLOCKS = 0.10
"""This share of replies has mm:ss for seconds."""


def events(true: list[dict[str, Any]], request: Request, behaviour: Behaviour) -> list[dict[str, Any]]:
    """True events of a window with the errors above. The same call errs in the same way each time; with another seed in another."""
    random = _random(request, behaviour)
    first_s, last_s = (float(picture.time) for picture in (request.pictures[0], request.pictures[-1]))
    told = []
    for event in true:
        near_edge = min(event["start_s"] - first_s, last_s - event["end_s"]) < EDGE_S
        if not (near_edge and random.random() < MISSED):
            told.append(event | _moved(event, request, random, edges=True))
        if random.random() < INVENTED:
            told.append(_invented(event, random, first_s, last_s))
    return told


def look(true: dict[str, Any], request: Request, behaviour: Behaviour) -> dict[str, Any]:
    """The true answer to a second look, its times moved; what shows it from the first or to the last frame is said to."""
    random = _random(request, behaviour)
    is_wrong = bool(behaviour.get("hard")) and random.random() < HARD_BLIND
    if true["visible"] and not is_wrong:
        reach_s = JITTER_S if behaviour.get("hard") else None
        return true | _moved(true, request, random, edges=False, reach_s=reach_s)
    if true["visible"] or not is_wrong:
        return true | {"visible": False, "start_s": None, "end_s": None}
    times = sorted(random.choices([float(picture.time) for picture in request.pictures], k=2))
    return true | {"visible": True, "start_s": times[0], "end_s": times[1]}


def _random(request: Request, behaviour: Behaviour) -> Random:
    return Random(f"{behaviour.get('seed', 0)} {request.seed} {[picture.mark for picture in request.pictures]} {request.types}")


def _moved(event: dict[str, Any], request: Request, random: Random, *, edges: bool, reach_s: float | None = None) -> dict[str, Any]:
    """Both ends by up to `reach_s`, or `JITTER_FRAMES` steps, clamped to what was shown; with `edges` also those that were not seen."""
    times = [float(picture.time) for picture in request.pictures]
    steps = sorted(after - before for before, after in pairwise(times)) or [0.0]
    furthest_s = JITTER_FRAMES * steps[len(steps) // 2] if reach_s is None else reach_s

    def moved(time_s: float, edge_s: float) -> float:
        off_s = random.uniform(-furthest_s, furthest_s)
        return time_s if time_s == edge_s and not edges else round(min(max(time_s + off_s, times[0]), times[-1]), 1)

    start_s, end_s = sorted((moved(event["start_s"], times[0]), moved(event["end_s"], times[-1])))
    return {"start_s": start_s, "end_s": end_s}


def _invented(event: dict[str, Any], random: Random, first_s: float, last_s: float) -> dict[str, Any]:
    start_s = random.uniform(first_s, last_s)
    end_s = min(start_s + random.uniform(1, 20), last_s)
    return {**event, "type": f"mark_{random.randrange(8)}", "start_s": round(start_s, 1), "end_s": round(end_s, 1)}
