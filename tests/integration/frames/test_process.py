"""The decoder's process: it keeps its limits, it is never left behind, and its end is told by its cause."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import DecoderFailed
from core.spans import Span
from tests.integration.frames.sampling import LIMITS, SAMPLER, calm, limited, sample, some, whole
from tests.integration.standalone.processes import command_line
from tests.polling import wait_until
from tests.videos import make_video
from workers.frames.frame import SampledWindow, WindowPlan
from workers.frames.sampler import Sampler
from workers.frames.sandbox.process import Confinement, converse
from workers.frames.sandbox.wire import MAX_BODY


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    make_video(path, duration_s=60)
    return path


def decoders(parent: int | None = None) -> list[psutil.Process]:
    return [child for child in psutil.Process(parent).children() if "workers.frames.sandbox.child" in command_line(child)]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Heart:
    """Counts its beats; from a certain one on it does something else."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.beats, self._at, self._act = 0, at, act

    def __call__(self) -> None:
        self.beats += 1
        if self.beats == self._at:
            self._act()


class LeaseLost(Exception):
    pass


def lose_lease() -> None:
    assert decoders(), "there must be a decoder to be ended"
    raise LeaseLost


def freeze() -> None:
    (decoder,) = decoders()
    decoder.suspend()


def sample_for_long(path: Path, heart: Heart, *, sampler: Sampler = SAMPLER) -> None:
    """Long enough for a heart to beat, on a machine however fast."""
    for _ in range(100):
        sample(path, whole(path), fps=10, beat=heart, sampler=sampler)


def windows_of(path: Path) -> Iterator[SampledWindow]:
    return SAMPLER.sample(path, some(path), fps=2, frame_tokens=144, beat=calm)


def test_the_process_ends_with_the_call(video: Path) -> None:
    sample(video, some(video))
    assert decoders() == []


def test_the_process_ends_when_nobody_wants_more_windows(video: Path) -> None:
    windows = windows_of(video)
    next(windows)
    (decoder,) = decoders()
    windows.close()  # type: ignore[attr-defined]  # an iterator for the callers, a generator in truth
    assert is_gone(decoder)


def test_windows_come_while_decoding_goes_on(video: Path) -> None:
    windows = windows_of(video)
    assert next(windows).plan.seq == 0
    (decoder,) = decoders()
    assert decoder.status() != psutil.STATUS_ZOMBIE
    assert len(list(windows)) > 3


def test_a_beat_that_raises_ends_the_process_at_once_and_comes_through(video: Path) -> None:
    heart = Heart(1, lose_lease)
    with pytest.raises(LeaseLost):
        sample_for_long(video, heart)
    assert decoders() == []


def test_the_heart_beats_while_the_decoder_is_silent(video: Path) -> None:
    heart = Heart(1, freeze)
    with pytest.raises(DecoderFailed, match="silent for more than 3 seconds"):
        sample_for_long(video, heart, sampler=limited(stall_s=3))
    assert heart.beats >= 5
    assert decoders() == []


def test_a_decoder_that_crashes_is_told_by_the_signal(video: Path) -> None:
    def crash() -> None:
        decoders()[0].send_signal(signal.SIGSEGV)

    heart = Heart(1, crash)
    with pytest.raises(DecoderFailed, match="SIGSEGV"):
        sample_for_long(video, heart)


class GoneAtOnce(subprocess.Popen[bytes]):
    def __init__(self, command: list[str], **options: Any) -> None:
        super().__init__(["false"], **options)
        self.wait()


def test_a_decoder_that_is_gone_before_it_was_asked_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", GoneAtOnce)
    confinement = Confinement(memory_bytes=1 << 30, cpu_s=10, stall_s=10, output_bytes=1 << 20, isolation="auto")
    with pytest.raises(DecoderFailed, match="exit code 1"):
        list(converse({}, confinement, beat=calm))


def test_too_little_memory_is_a_failure_and_no_verdict_on_the_video(tmp_path: Path, video: Path) -> None:
    with pytest.raises(DecoderFailed):
        limited(memory_bytes=200 * 1024**2).probe(video, beat=calm)


def test_frames_that_do_not_fit_into_the_memory_are_a_failure_and_no_verdict_on_the_video(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times_ms=[0], size=(8192, 4096), codec="mjpeg", pix_fmt="yuvj420p", black=[(0, 1)])
    with pytest.raises(DecoderFailed, match="memory"):
        limited(memory_bytes=310 * 1024**2).probe(tmp_path / "a.mp4", beat=calm)


def test_too_much_cpu_time_is_told(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=60, size=(1280, 720))
    plan = [WindowPlan(0, Span(0, 60_000))]
    with pytest.raises(DecoderFailed, match="more than 1 seconds of CPU time"):
        sample(tmp_path / "a.mp4", plan, fps=10, frame_tokens=880, sampler=limited(cpu_s=1))


def test_more_output_than_allowed_ends_the_process(video: Path) -> None:
    request = {
        "ask": "frames",
        "path": str(video),
        "bounds": {"max_side_px": 8192, "max_frame_pixels": 35_000_000, "max_duration_ms": 10**9},
        "spans": [[0, 60_000]],
        "fps": 10,
        "tolerance_ms": 50,
        "frame_tokens": 144,
        "jpeg_quality": 85,
    }
    confinement = Confinement(LIMITS.memory_bytes, LIMITS.cpu_s, LIMITS.stall_s, output_bytes=100_000, isolation="auto")
    with pytest.raises(DecoderFailed, match="more than the 100000 bytes"):
        list(converse(request, confinement, beat=calm))
    assert MAX_BODY > 100_000


def test_no_file_stays_open_in_the_parent(video: Path) -> None:
    sample(video, some(video)[:1])
    before = psutil.Process().num_fds()
    sample(video, some(video)[:1])
    list(zip(windows_of(video), range(1), strict=False))
    assert psutil.Process().num_fds() <= before


PARENT = """
import sys
from pathlib import Path
from tests.integration.frames.sampling import windows_for_a_parent
windows_for_a_parent(Path(sys.argv[1]))
"""


def test_the_process_dies_with_its_parent_even_when_that_is_killed(video: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(video)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"decoding\n"
        (decoder,) = decoders(parent.pid)
        # Frozen it can't notice a broken pipe: only the kernel's own signal ends it.
        decoder.suspend()
        os.kill(parent.pid, signal.SIGKILL)
        wait_until(lambda: is_gone(decoder), "the decoder to be gone", timeout_s=10)
