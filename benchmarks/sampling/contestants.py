"""Who samples: each a process that writes one JPEG, 640 pixels wide, for each wanted time into a folder, and what that took.

`python -m benchmarks.sampling.contestants NAME VIDEO FPS FOLDER` runs one that is Python.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import NamedTuple

WIDTH = 640


class Spent(NamedTuple):
    """Seconds of CPU, those of its children too, and of wall clock; the most memory of one process, in MB; and how many JPEGs there are."""

    cpu_s: float
    wall_s: float
    memory_mb: float
    frames: int


def ffmpeg(video: Path, fps: float, folder: Path) -> list[str]:
    filters = f"fps={fps:g},scale={WIDTH}:-2"
    return ["ffmpeg", "-v", "error", "-i", str(video), "-vf", filters, f"{folder}/%d.jpg"]


def python(name: str) -> Callable[[Path, float, Path], list[str]]:
    return lambda video, fps, folder: [sys.executable, "-m", "benchmarks.sampling.contestants", name, str(video), f"{fps:g}", str(folder)]


def run(command: Callable[[Path, float, Path], list[str]], video: Path, fps: float) -> Spent:
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name), time.monotonic()
        process = Popen(command(video, fps, folder), stdin=DEVNULL, stdout=PIPE)
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
        if status:
            raise SystemExit(f"{command(video, fps, folder)} ended with status {status}")
        spent = Spent(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024, len(list(folder.glob("*.jpg"))))
        return spent._replace(**json.loads(told)) if told else spent


def playhead(video: Path, fps: float, folder: Path) -> None:
    """As the workers do it: a process to probe, and one for each segment. A worker runs on, so its own start is not counted."""
    from core.settings import Settings  # noqa: PLC0415
    from workers.frames.sampler import Limits, Sampler  # noqa: PLC0415
    from workers.frames.timeline import cut  # noqa: PLC0415

    settings, archive = Settings(), _Archive()
    sampler, began, started = Sampler(Limits.of(settings)), time.monotonic(), _cpu_s()
    duration_ms = sampler.probe(video, beat=_nothing, archive=archive).duration_ms
    window_ms = max(64_000, round(2000 / fps))
    for segment in cut(duration_ms, window_ms=window_ms, overlap_ms=window_ms // 8, windows_per_segment=settings.segment_windows):
        for window in sampler.sample(video, segment.windows, fps=fps, frame_tokens=220, beat=_nothing, archive=archive):
            for frame in window.frames:
                (folder / f"{frame.pts_ms}.jpg").write_bytes(frame.jpeg)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"cpu_s": _cpu_s() - started, "wall_s": time.monotonic() - began, "memory_mb": memory}))


class _Archive:
    """What the workers keep in their storage."""

    saved = b""

    def read(self) -> bytes:
        return self.saved

    def write(self, saved: bytes) -> None:
        self.saved = saved


def _nothing() -> None:
    """No heart to beat."""


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(who.ru_utime + who.ru_stime for who in used)


def pyav(video: Path, fps: float, folder: Path) -> None:
    import av  # noqa: PLC0415
    import cv2  # noqa: PLC0415

    with av.open(video) as container:
        container.streams.video[0].thread_type = "AUTO"
        times = _grid(fps)
        wanted = next(times)
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= wanted:
                small = frame.reformat(WIDTH, frame.height * WIDTH // frame.width, "bgr24")
                cv2.imwrite(f"{folder}/{wanted:g}.jpg", small.to_ndarray())
                wanted = next(times)


def reading(video: Path, fps: float, folder: Path) -> None:
    """What most programs do."""
    import cv2  # noqa: PLC0415

    capture = cv2.VideoCapture(str(video))
    times, rate, number = _grid(fps), capture.get(cv2.CAP_PROP_FPS), 0
    wanted = next(times)
    while True:
        good, picture = capture.read()
        if not good:
            break
        if number / rate >= wanted:
            size = (WIDTH, picture.shape[0] * WIDTH // picture.shape[1])
            cv2.imwrite(f"{folder}/{wanted:g}.jpg", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            wanted = next(times)
        number += 1


def scenedetect(video: Path, _fps: float, _folder: Path) -> None:
    """Its default detector; it looks at every frame, whatever the rate, and writes none."""
    from scenedetect import ContentDetector, detect  # noqa: PLC0415

    detect(str(video), ContentDetector())


def _grid(fps: float) -> Iterator[float]:
    number = 0
    while True:
        yield number / fps
        number += 1


if __name__ == "__main__":
    CONTESTANTS = {"playhead": playhead, "pyav": pyav, "reading": reading, "scenedetect": scenedetect}
    CONTESTANTS[sys.argv[1]](Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
