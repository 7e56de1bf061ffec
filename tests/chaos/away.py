"""When a part could not do its work, or had other work first: so that such a wait is not taken for a slow recovery."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from tests.chaos.evidence import Change, Evidence, Fault

Stretch = tuple[float, float]

RECONNECT_S = 8.0
"""A client that lost its server looks again after this at the latest: `socket_timeout`, and the longest pause between two looks."""

RUNG_S = 5.0
"""How long after a lease the sweeper may ring: two of its rounds, and one that takes its time."""

PIECE_S = 5.0
"""How long a worker is busy with a piece of work at the most, on a machine that has other things to do."""

SERVERS = ("postgres", "valkey")
ALONE = ("sweep", "beat")
PAIRS = {"plans": ("decode1", "decode2"), "segments": ("decode1", "decode2"), "windows": ("model1", "model2")}
ENDING = frozenset({"killed", "told to stop", "clock wrong"})
"""Faults after which it is another process that works."""

HARMLESS = frozenset({"pool process killed", "decoder killed", "message 50 times"})


def while_needed(evidence: Evidence, table: str) -> list[Stretch]:
    """Stretches in which nobody could go on with a kind of work, as seconds since 1970: a server was away, or whoever rings again, or
    both workers of the kind.
    """
    one, other = (_away(evidence, name) for name in PAIRS[table])
    both = [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]
    return union([*both, *(stretch for name in (*SERVERS, *ALONE) for stretch in _away(evidence, name))])


def overlap_s(stretches: Iterable[Stretch], start: datetime, end: datetime) -> float:
    """How much of the time between was covered."""
    return sum(max(min(end.timestamp(), until) - max(start.timestamp(), since), 0.0) for since, until in stretches)


def behind(lives: Iterable[Sequence[Change]], table: str, start: datetime, end: datetime) -> list[Stretch]:
    """Stretches of a wait in which older work of the same queue was taken up, which is what comes first there.

    Work is older that was there when the wait began, or when the sweeper may have rung at the latest.
    """
    tables = {other for other, workers in PAIRS.items() if workers == PAIRS[table]}
    older = (life for life in lives if life[0].kind in tables and (life[0].at - start).total_seconds() < RUNG_S)
    claims = (after.at for life in older for before, after in pairwise(life) if after.token not in (None, before.token))
    return union((at.timestamp(), min(at.timestamp() + PIECE_S, end.timestamp())) for at in claims if start <= at < end)


def _away(evidence: Evidence, name: str) -> list[Stretch]:
    return union(stretch for fault in evidence.faults for stretch in _stretches(evidence, fault, name))


def _stretches(evidence: Evidence, fault: Fault, name: str) -> Iterator[Stretch]:
    if fault.target.startswith(f"{name}-") or (fault.target == name and name in SERVERS) or fault.kind == "messages dropped":
        yield fault.at, fault.until + RECONNECT_S
    elif fault.target == name and fault.kind not in HARMLESS:
        ended = fault.kind in ENDING
        yield fault.at, _heard_of(evidence, name, fault.until, since=fault.until if ended else 0)
        if fault.kind == "clock wrong":  # it was started again at either end
            yield fault.at, _heard_of(evidence, name, fault.at, since=fault.at)


def _heard_of(evidence: Evidence, name: str, after: float, *, since: float) -> float:
    """When a part was at work again: a heartbeat of a process started `since`, or for the clock that of the sweep that it rang for."""
    pids = {f":{pid}" for started, pid, at in evidence.starts if started == name and at >= since}
    for at, part, node in evidence.beats:
        heard = part == "sweeper" if name == "beat" else any(node.endswith(pid) for pid in pids)
        if heard and at.timestamp() > after:
            return at.timestamp()
    return after + RECONNECT_S


def union(stretches: Iterable[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for since, until in sorted(stretches):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined
