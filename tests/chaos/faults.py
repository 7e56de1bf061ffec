"""The ways in which things are broken: each is a row of `KINDS`, drawn by a seed, and gives back how to mend it."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

import psutil
import redis

from tests.chaos import messages
from tests.chaos.stack import PROGRAMS, WORKERS, Stack

Mend = Callable[[], None]

DECODERS = ("decode1", "decode2")
LEASED = ("decode1", "decode2", "model1", "model2")
CHILD = "workers.frames.sandbox.child"


class NotNow(Exception):
    """There is nothing to be broken at the moment, such as a decoder where nothing is decoded."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The next fault comes `pause_s` after the one before, and lasts `lasts_s` where it is not over at once."""

    kind: str
    target: str
    pause_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Kind:
    """`weight`: its share among all; `lasts_s`: the shortest and the longest."""

    do: Callable[[Stack, Planned], Mend]
    targets: tuple[str, ...]
    weight: int = 2
    lasts_s: tuple[float, float] = (0.0, 0.0)


def schedule(seed: int, faults: int, *, pause_s: float, kinds: Iterable[str]) -> list[Planned]:
    """The same for the same arguments: `faults` of them, `pause_s` apart on average, the first round one of each kind."""
    random = Random(f"faults {seed}")
    wanted = sorted(kinds)
    if not wanted:
        return []
    drawn = random.sample(wanted, min(len(wanted), faults))
    drawn += random.choices(wanted, [KINDS[kind].weight for kind in wanted], k=max(faults - len(drawn), 0))
    return [
        Planned(kind, random.choice(KINDS[kind].targets), random.uniform(0.4, 1.6) * pause_s, random.uniform(*KINDS[kind].lasts_s))
        for kind in drawn
    ]


def _nothing() -> None:
    """It mends itself, or the stack does."""


def _kill(stack: Stack, planned: Planned) -> Mend:
    stack.kill(planned.target)
    return _nothing


def _restart(stack: Stack, planned: Planned) -> Mend:
    stack.kill(planned.target, signal.SIGTERM)
    return _nothing


def _kill_below(stack: Stack, planned: Planned, *, decoder: bool) -> Mend:
    """One process of a worker's pool, or what decodes for it; of the other worker where this one has none."""
    names = sorted(DECODERS, key=lambda name: name != planned.target)
    found = (process for name in names for process in stack.family(name)[1:] if _is_below(process, stack.processes[name].pid, decoder))
    if (process := next(found, None)) is None:
        raise NotNow
    process.kill()
    return _nothing


def _is_below(process: psutil.Process, worker: int, decoder: bool) -> bool:
    """A pool process is the worker's own child, a decoder a pool process's: once it is one, as before it is a copy of its parent."""
    with contextlib.suppress(psutil.Error):
        return (CHILD in process.cmdline()) == decoder and (process.ppid() == worker) != decoder
    return False


def _freeze(stack: Stack, planned: Planned) -> Mend:
    """The process and all below it, as when a machine is suspended."""
    family = stack.family(planned.target)
    _signal(family, signal.SIGSTOP)
    return partial(_signal, family, signal.SIGCONT)


def _signal(family: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _down(stack: Stack, planned: Planned) -> Mend:
    """Killed, and not started again before it is mended."""
    stack.held.add(planned.target)
    stack.kill(planned.target)
    return partial(stack.held.discard, planned.target)


def _immediate(stack: Stack, planned: Planned) -> Mend:
    """Postgres' immediate shutdown: no checkpoint, every session cut off."""
    stack.kill("postgres", signal.SIGQUIT)
    return _nothing


def _wipe(stack: Stack, planned: Planned) -> Mend:
    with messages.broker(stack) as broker:
        try:
            broker.flushall()
        except redis.RedisError as error:
            raise NotNow from error
    return _nothing


def _repeat(stack: Stack, planned: Planned) -> Mend:
    if not messages.repeat(stack, planned.target, times=50):
        raise NotNow
    return _nothing


def _drop(stack: Stack, planned: Planned) -> Mend:
    if not messages.drop(stack, planned.target):
        raise NotNow
    return _nothing


def _cut(stack: Stack, planned: Planned) -> Mend:
    stack.links.cut(planned.target)
    return _nothing


def _refuse(stack: Stack, planned: Planned) -> Mend:
    stack.links.refuse(planned.target)
    return partial(stack.links.heal, planned.target)


def _stall(stack: Stack, planned: Planned) -> Mend:
    stack.links.stall(planned.target)
    return partial(stack.links.heal, planned.target)


def _delay(stack: Stack, planned: Planned) -> Mend:
    stack.links.delay(planned.target, 0.05 + planned.lasts_s / 40)
    return partial(stack.links.heal, planned.target)


def _fill(stack: Stack, planned: Planned) -> Mend:
    """Not a byte is left on the file system of the blobs."""
    filler = stack.blobs / ".filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(64 * 1024))
    with filler.open("ab") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), b"0" * 512)
    return partial(filler.unlink, missing_ok=True)


def _skew(stack: Stack, planned: Planned) -> Mend:
    """The worker is started again with a clock that is wrong by an hour, one way or the other."""
    if stack.clock is None:
        raise NotNow
    hours = 1 if planned.lasts_s > 10 else -1
    stack.set(planned.target, {"LD_PRELOAD": str(stack.clock), "CHAOS_CLOCK_OFFSET_S": str(hours * 3600)})
    stack.kill(planned.target)

    def mend() -> None:
        stack.set(planned.target, {})
        stack.kill(planned.target)

    return mend


WORKER_LINKS = tuple(f"{worker}-{server}" for worker in WORKERS for server in ("postgres", "valkey"))
LINKS = (*WORKER_LINKS, "model1-model", "model2-model", "api-postgres", "api-valkey", "beat-valkey", "client-api")

KINDS: Mapping[str, Kind] = {
    "killed": Kind(_kill, PROGRAMS, weight=8),
    "told to stop": Kind(_restart, PROGRAMS, weight=3),
    "pool process killed": Kind(partial(_kill_below, decoder=False), DECODERS, weight=3),
    "decoder killed": Kind(partial(_kill_below, decoder=True), DECODERS, weight=3),
    "frozen past the lease": Kind(_freeze, LEASED, weight=5, lasts_s=(6.0, 10.0)),
    "frozen": Kind(_freeze, ("api", "sweep", "beat"), weight=3, lasts_s=(2.0, 6.0)),
    "broker down": Kind(_down, ("valkey",), weight=3, lasts_s=(2.0, 8.0)),
    "broker frozen": Kind(_freeze, ("valkey",), weight=3, lasts_s=(2.0, 8.0)),
    "broker wiped": Kind(_wipe, ("valkey",), weight=3),
    "database restarted": Kind(_immediate, ("postgres",), weight=3),
    "connections cut": Kind(_cut, LINKS, weight=5),
    "link refuses": Kind(_refuse, LINKS, weight=3, lasts_s=(2.0, 6.0)),
    "link silent": Kind(_stall, LINKS, weight=3, lasts_s=(2.0, 8.0)),
    "link slow": Kind(_delay, LINKS, weight=3, lasts_s=(3.0, 8.0)),
    "disk full": Kind(_fill, ("blobs",), weight=2, lasts_s=(2.0, 5.0)),
    "clock wrong": Kind(_skew, WORKERS, weight=2, lasts_s=(8.0, 12.0)),
    "message 50 times": Kind(_repeat, tuple(messages.QUEUES), weight=3),
    "messages dropped": Kind(_drop, tuple(messages.QUEUES), weight=3),
}

SURE = frozenset({"killed", "told to stop", "connections cut"})
"""Kinds that always find something to break."""
