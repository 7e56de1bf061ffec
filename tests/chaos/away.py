"""When a part could not do its work: so that what is waited for it is not taken for a slow recovery."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from tests.chaos.evidence import Evidence, Fault

Stretch = tuple[float, float]

RECONNECT_S = 8.0
"""A client that lost its server looks again after this at the latest: `socket_timeout`, and the longest pause between two looks."""

SERVERS = ("postgres", "valkey")
ALONE = ("sweep", "beat")
PAIRS = {"plans": ("decode1", "decode2"), "segments": ("decode1", "decode2"), "windows": ("model1", "model2")}
HARMLESS = frozenset({"pool process killed", "decoder killed", "message 50 times"})


def while_needed(evidence: Evidence, table: str) -> list[Stretch]:
    """Stretches in which nobody could go on with a kind of work, as seconds since 1970: a server was away, or whoever rings again, or
    both workers of the kind.
    """
    one, other = (_away(evidence, name) for name in PAIRS[table])
    both = [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]
    return _union([*both, *(stretch for name in (*SERVERS, *ALONE) for stretch in _away(evidence, name))])


def overlap_s(stretches: Iterable[Stretch], start: datetime, end: datetime) -> float:
    """How much of the time between was covered."""
    return sum(max(min(end.timestamp(), until) - max(start.timestamp(), since), 0.0) for since, until in stretches)


def _away(evidence: Evidence, name: str) -> list[Stretch]:
    return _union(stretch for fault in evidence.faults for stretch in _stretches(evidence, fault, name))


def _stretches(evidence: Evidence, fault: Fault, name: str) -> Iterator[Stretch]:
    if fault.target.startswith(f"{name}-") or (fault.target == name and name in SERVERS) or fault.kind == "messages dropped":
        yield fault.at, fault.until + RECONNECT_S
    elif fault.target == name and fault.kind not in HARMLESS:
        yield fault.at, _heard_of(evidence, name, fault.until)
        if fault.kind == "clock wrong":  # it was started again at either end
            yield fault.at, _heard_of(evidence, name, fault.at)


def _heard_of(evidence: Evidence, name: str, after: float) -> float:
    """When a part was at work again: its heartbeat, or for the clock that of the sweep that it rang for."""
    pids = {f":{pid}" for started, pid in evidence.starts if started == name}
    for at, part, node in evidence.beats:
        heard = part == "sweeper" if name == "beat" else any(node.endswith(pid) for pid in pids)
        if heard and at.timestamp() > after:
            return at.timestamp()
    return after + RECONNECT_S


def _union(stretches: Iterable[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for since, until in sorted(stretches):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined
