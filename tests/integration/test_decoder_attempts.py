"""A decoder that crashes or hangs costs an attempt, and the last one fails the job; other jobs go on meanwhile."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from core.settings import Settings
from db import jobs
from db.models import Job, Plan, Segment
from tests.integration import rows
from tests.polling import wait_until
from tests.videos import make_video
from workers import planning, sampling
from workers.runtime import Runtime, make_runtime

STALL = timedelta(seconds=1)


class Submitted:
    """A video that takes a moment to decode, and a job for it."""

    def __init__(self, runtime: Runtime, workspace_id: UUID, folder: Path) -> None:
        self._runtime = runtime
        video = rows.video(runtime.sessions, workspace_id, duration_ms=None)
        path = folder / video.blob_key
        path.parent.mkdir(parents=True)
        make_video(path.with_suffix(".mp4"), duration_s=20, fps=30, gop=600)
        path.with_suffix(".mp4").rename(path)
        self.made, self.plan = rows.job(runtime.sessions, video, runtime.settings)

    @property
    def job(self) -> Job:
        with self._runtime.sessions.begin() as session:
            return jobs.get(session, self.made.workspace_id, self.made.id)

    def work(self, kind: type[Plan] | type[Segment]) -> Plan | Segment:
        with self._runtime.sessions.begin() as session:
            return session.query(kind).filter_by(job_id=self.made.id).one()


@contextmanager
def each_decoder(number: signal.Signals) -> Iterator[None]:
    """Send the signal to each decoder of this process as soon as it is there."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            for child in children():
                send(child, number)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def children() -> list[psutil.Process]:
    """Of this process. psutil would look at every process there is, and be too late for a decoder that is done soon."""
    listed = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    found = []
    for pid in listed:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            found.append(psutil.Process(pid))
    return found


def send(child: psutil.Process, number: signal.Signals) -> None:
    try:
        if "workers.frames.sandbox.child" in child.cmdline() and child.status() != psutil.STATUS_STOPPED:
            child.send_signal(number)
    except psutil.NoSuchProcess:
        pass


@pytest.fixture
def runtimes(settings: Settings) -> Iterator[tuple[Runtime, Runtime]]:
    """One that waits long for its decoder, and one that does not."""
    made = make_runtime(settings), make_runtime(settings.model_copy(update={"decoder_stall": STALL}))
    yield made
    for runtime in made:
        runtime.sessions.engine.dispose()


@pytest.mark.parametrize("kind", [Plan, Segment])
@pytest.mark.parametrize(("number", "said"), [(signal.SIGSEGV, "ended by SIGSEGV"), (signal.SIGSTOP, "silent for more than 1 seconds")])
def test_five_deaths_of_the_decoder_fail_the_job_and_no_other(
    runtimes: tuple[Runtime, Runtime], settings: Settings, kind: type[Plan] | type[Segment], number: signal.Signals, said: str
) -> None:
    patient, impatient = runtimes
    workspace_id = rows.workspace(patient.sessions)
    bad, good = (Submitted(patient, workspace_id, Path(settings.blobs_url.removeprefix("file://"))) for _ in range(2))
    step: Callable[[Runtime, UUID], None] = planning.plan
    if kind is Segment:
        planning.plan(patient, bad.plan.id)
        step = sampling.sample

    def attempted(attempt: int) -> bool:
        """Handed-back work is due again after a second."""
        step(impatient, bad.work(kind).id)
        return bad.work(kind).attempts == attempt

    for attempt in range(1, 6):
        with each_decoder(number):
            wait_until(partial(attempted, attempt), "the next attempt")
        work = bad.work(kind)
        assert (work.attempts, work.state) == (attempt, "failed" if attempt == 5 else "pending")
        assert work.error is not None
        assert work.error["code"] == "decoder_failed"
        assert said in work.error["detail"]
        if attempt == 2:
            planning.plan(patient, good.plan.id)
            sampling.sample(patient, good.work(Segment).id)
    assert bad.job.status == "failed"
    assert bad.job.error is not None
    assert bad.job.error["code"] == "decoder_failed"
    assert (good.work(Segment).state, good.work(Segment).attempts, good.job.status) == ("done", 1, "processing")
