"""Carries a schedule of faults out: breaks what is due, mends what has lasted long enough, and keeps a list of both."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.evidence import Fault
from tests.chaos.faults import KINDS, Mend, NotNow, Planned
from tests.chaos.stack import Stack

PATIENCE_S = 8.0
"""How long a fault is waited with, for something that it can break; then another one comes."""

LEAD = 4
"""So many faults come however few jobs there are."""


@dataclass
class Driver:
    """`spare` faults take the place of those that found nothing to break, so that as many come as are planned."""

    stack: Stack
    planned: list[Planned]
    spare: list[Planned]
    faults: list[Fault] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[float, Planned, float, Mend]] = field(default_factory=list)
    next_at: float = 0.0

    def __post_init__(self) -> None:
        self.total = len(self.planned)

    @property
    def is_over(self) -> bool:
        return not self.planned and not self.broken

    def step(self, share: float) -> None:
        """Mend what has lasted long enough, and break what is due once that share of the jobs is there."""
        now = time.monotonic()
        for one in [one for one in self.broken if one[0] <= now]:
            self.broken.remove(one)
            self._mend(one)
        if not self.planned:
            return
        due = self.planned[0]
        if not self.next_at:
            self.next_at = now + due.pause_s
        too_early = len(self.faults) + len(self.broken) >= LEAD + share * self.total
        if now < self.next_at or too_early or not self._can_be_broken(due):
            return
        at = time.time()
        try:
            mend = KINDS[due.kind].do(self.stack, due)
        except NotNow:
            if now < self.next_at + PATIENCE_S:
                return
            self.skipped[due.kind] += 1
            self.planned += self.spare[:1]
            self.spare = self.spare[1:]
        else:
            self.broken.append((now + due.lasts_s, due, at, mend))
        self.planned.pop(0)
        self.next_at = 0.0

    def mend_all(self) -> None:
        for one in self.broken:
            self._mend(one)
        self.broken.clear()

    def _can_be_broken(self, fault: Planned) -> bool:
        """Whether it would change anything: what is down or frozen already is left alone until it is back."""
        away = {planned.target for _, planned, _, _ in self.broken}
        return fault.target not in away and (fault.target not in self.stack.processes or self.stack.is_up(fault.target))

    def _mend(self, one: tuple[float, Planned, float, Mend]) -> None:
        _, fault, at, mend = one
        mend()
        self.faults.append(Fault(fault.kind, fault.target, at, time.time()))
