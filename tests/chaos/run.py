"""One run: the stack comes up, clients upload, faults come by their schedule, everything is mended, and what is left is evidence."""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg

from core.settings import Settings
from tests.chaos import broker, evidence, orphans
from tests.chaos.clips import Clip, make_clips
from tests.chaos.driver import Driver
from tests.chaos.evidence import Evidence, Fault, Upload
from tests.chaos.faults import KINDS, SURE, schedule
from tests.chaos.receiver import receiver
from tests.chaos.stack import SETTINGS, TICK_S, Stack, stack
from tests.chaos.uploading import Clients, planned, uploading
from tests.model_server.misbehaving import error_in_200, numbered, reset, status

OPEN_JOBS = 12
"""So many jobs are on their way at a time: enough for every worker, and few enough that each fault meets all stages."""

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 30.0

SLOW_S = 1.0
"""How long the model takes, so that there are calls in flight to be broken."""


@dataclass(frozen=True, slots=True)
class Options:
    """`pause_s`: between two faults, on average; `kinds`: of faults; `settle_s`: how long all may take to end once everything is
    mended; `broker_uploads`: how many uploads are measured in each state of the broker; `lasts_s`: after which no more faults and no more
    uploads come, however many are planned."""

    seed: int
    jobs: int
    faults: int
    data_dir: Path
    pause_s: float = 0.8
    kinds: tuple[str, ...] = tuple(KINDS)
    settle_s: float = 240.0
    broker_uploads: int = 5
    small_disk: Path | None = None
    lasts_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Outcome:
    """`skipped`: how often a kind of fault found nothing to break; `lacking`: kinds that this machine does not permit; `unexpected`:
    answers to uploads that no client should get.
    """

    evidence: Evidence
    skipped: Counter[str]
    lacking: list[str]
    unexpected: list[str]


def run(options: Options, say: Callable[[str], None]) -> Outcome:
    """Raises `CannotStart`."""
    with contextlib.ExitStack() as entered:
        clips = make_clips(options.data_dir)
        say("Starting the stack ...")
        whole = entered.enter_context(stack(options.data_dir, small_disk=options.small_disk))
        evidence.begin(whole.database_url)
        trouble = ((0.02, status(429)), (0.01, status(500)), (0.01, status(503)), (0.01, reset()), (0.01, error_in_200(where="top")))
        whole.model.chance(*trouble, seed=options.seed)
        whole.model.always(numbered(delay_s=SLOW_S))
        told = entered.enter_context(receiver(options.seed))
        told.ask_for_all(whole.url, whole.api_key)
        uploads = planned(options.jobs, clips, options.seed)
        wanted = _possible(options.kinds, whole)
        faults, spare = (
            schedule(options.seed, options.faults, pause_s=options.pause_s, kinds=kinds) for kinds in (wanted, SURE & {*wanted})
        )
        driver = Driver(whole, faults, spare)
        pace = Pace(whole, uploads, options.jobs)
        clients = Clients(whole.url, whole.api_key, uploads, clips, pace.may_upload)
        with uploading(clients):
            _storm(whole, driver, pace, say, lasts_s=options.lasts_s)
            if not driver.is_over:  # the time is
                clients.begin_no_more()
            say("Everything is mended; waiting for the last jobs.")
            driver.mend_all()
            settled = _calm(whole, pace, options.settle_s)
            say("Measuring uploads without the broker.")
            waits = broker.waits(whole, clients.one_more, each=options.broker_uploads)
            settled = settled and _calm(whole, pace, options.settle_s)
        say("All jobs have ended." if settled else "Not all jobs have ended.")
        found = _gather(whole, clips, uploads, driver.faults)
        lacking = sorted(set(options.kinds) - set(_possible(options.kinds, whole)))
    found = replace(found, survivors=orphans.survivors(), waits=waits, messages=told.messages)
    return Outcome(found, driver.skipped, lacking, clients.unexpected)


def _possible(kinds: Iterable[str], whole: Stack) -> list[str]:
    lacking = {"clock wrong": whole.clock is None, "disk full": whole.small_disk is None}
    return [kind for kind in kinds if not lacking.get(kind)]


@dataclass
class Pace:
    """Uploads go on as jobs end, and faults as uploads are accepted, so that all of both meet whatever the machine can do.

    `open` jobs were counted when so many uploads were accepted: `counted_at`.
    """

    whole: Stack
    uploads: list[Upload]
    jobs: int
    looked_at: float = 0.0
    open: int = 0
    counted_at: int = 0

    def look(self) -> None:
        """Count the open jobs, now and then; with the database away as many as before."""
        if time.monotonic() > self.looked_at + LOOK_EVERY_S:
            accepted, counted = self.accepted, _open(self.whole)
            if counted >= 0:
                self.open, self.counted_at = counted, accepted
            self.looked_at = time.monotonic()

    @property
    def accepted(self) -> int:
        return sum(upload.accepted_at is not None for upload in self.uploads)

    @property
    def share(self) -> float:
        return self.accepted / self.jobs

    def may_upload(self) -> bool:
        return self.open + self.accepted - self.counted_at < OPEN_JOBS


def _storm(whole: Stack, driver: Driver, pace: Pace, say: Callable[[str], None], *, lasts_s: float) -> None:
    told_at = began = time.monotonic()
    while not driver.is_over and time.monotonic() < began + lasts_s:
        whole.tend()
        pace.look()
        driver.step(pace.share)
        time.sleep(TICK_S)
        if time.monotonic() > told_at + TELL_EVERY_S:
            told_at = time.monotonic()
            say(f"{len(driver.faults)} faults, {pace.accepted} uploads accepted, {pace.open} jobs open")


def _calm(whole: Stack, pace: Pace, within_s: float) -> bool:
    """Keep the stack going until every job has ended and what was to be cleaned up is; False where that takes too long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        whole.tend()
        pace.look()
        if pace.accepted == len(pace.uploads) and _open(whole) == _doomed(whole) == _untold(whole) == 0:
            return True
        time.sleep(0.2)
    return False


def _count(whole: Stack, query: str) -> int:
    """-1 with the database away."""
    try:
        with psycopg.connect(whole.database_url, connect_timeout=2) as connection:
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0
    except psycopg.Error:
        return -1


def _open(whole: Stack) -> int:
    return _count(whole, "SELECT count(*) FROM jobs WHERE completed_at IS NULL")


def _doomed(whole: Stack) -> int:
    return _count(whole, "SELECT count(*) FROM doomed_blobs")


def _untold(whole: Stack) -> int:
    return _count(whole, "SELECT count(*) FROM webhook_deliveries WHERE state IN ('pending', 'running')")


def _gather(whole: Stack, clips: dict[str, Clip], uploads: list[Upload], faults: list[Fault]) -> Evidence:
    """Everything is stopped but the database before its rows are read, so that nothing changes them any more."""
    calls = whole.model.log()
    stopped_s = whole.stop_programs()
    rows, history, beats = evidence.rows_of(whole.database_url)
    blobs, sources = evidence.blobs_of(whole.blobs)
    stopped_s |= whole.stop_servers()
    lease = Settings.model_validate({"lease": SETTINGS["PLAYHEAD_LEASE"]}).lease
    return Evidence(
        clips=clips,
        uploads=uploads,
        faults=faults,
        rows=rows,
        history=history,
        beats=beats,
        calls=calls,
        blobs=blobs,
        sources=sources,
        lease_s=lease / timedelta(seconds=1),
        survivors=[],
        starts=whole.starts,
        stopped_s=stopped_s,
    )
