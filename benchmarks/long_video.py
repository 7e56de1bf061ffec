"""`python -m benchmarks.long_video`: a video of two hours through the whole stack: is every core busy while it is decoded?

Starts a stack of its own, has the signals analyser look at the video, and watches each process of the decode worker, with its decoder, from
the plan to the last window: how long it ran or was ready to, and what share of the cores that was. A `cap.read()` loop and ffmpeg do the
same work on a twelfth of the video; what they take is multiplied. ffmpeg must be on the PATH.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import av
import psutil

from benchmarks.sampling.contestants import Spent, ffmpeg, python, run
from benchmarks.sampling.videos import Encoder, Kind, lengthen, make
from playhead import Client
from standalone.stack import Stack, stack

# A camera on a wall: few bits, a key frame a second.
CAMERA = Kind("camera-key-1s", 1, Encoder(2_000_000, {"preset": "veryfast", "bf": "0", "sc_threshold": "0"}, is_constant=False))
CLIP_S = 60
SHARE = 12
LOOK_EVERY_S = 0.05
ASK_EVERY_S = 0.5
READY = {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP}


class Decoded(NamedTuple):
    """Seconds of the clock and of CPU, and for each process what share of the time it or its decoder ran or was ready to."""

    wall_s: float
    cpu_s: float
    ready: list[float]


def decode(video: Path, fps: float, folder: Path) -> Decoded:
    with stack(folder) as running, Client(running.url, running.api_key) as client:
        job_id = client.upload(video, request={"analyzer": "signals", "sampling": {"fps": fps, "tolerance_s": 0.5 / fps}}).job.id
        while client.job(job_id).stage == "plan":
            time.sleep(LOOK_EVERY_S)
        began, before, ask_at = time.monotonic(), _cpu_s(running), 0.0
        ready, looks = Counter[int](), 0
        while True:
            ready.update(_ready(running))
            looks += 1
            if time.monotonic() > ask_at:
                job, ask_at = client.job(job_id), time.monotonic() + ASK_EVERY_S
                if job.ended:
                    break
            time.sleep(LOOK_EVERY_S)
        print(f"{job.status}: {job.progress.windows_done} windows of {job.progress.windows_total}", file=sys.stderr)
        return Decoded(time.monotonic() - began, _cpu_s(running) - before, [count / looks for count in ready.values()])


def _workers(running: Stack) -> list[psutil.Process]:
    return psutil.Process(running.pid("decode")).children()


def _ready(running: Stack) -> list[int]:
    """Which of the worker's processes have something to run."""
    return [worker.pid for worker in _workers(running) if any(map(_runs, (worker, *worker.children())))]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() in READY
    except psutil.NoSuchProcess:
        return False


def _cpu_s(running: Stack) -> float:
    """Of the worker's processes and of the decoders that they have waited for."""
    return sum(sum(worker.cpu_times()[:4]) for worker in _workers(running))


def report(ours: Decoded, others: dict[str, Spent], *, length_s: float) -> None:
    cores = psutil.cpu_count() or 1
    print(f"{length_s / 3600:g} hours in {ours.wall_s:.0f} s, {length_s / ours.wall_s:.0f} times as fast as they play, on {cores} cores,")
    print(f"of which decoding had {ours.cpu_s / cores / ours.wall_s:.0%}; the rest went to other programs or to none.")
    print(f"Its processes ran, or were ready to, for {', '.join(f'{share:.1%}' for share in ours.ready)} of the time.")
    for name, spent in others.items():
        wall, cpu = SHARE * spent.wall_s / ours.wall_s, SHARE * spent.cpu_s / ours.cpu_s
        print(f"{name}: {wall:.1f} times our wall clock, {cpu:.1f} times our CPU")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_video", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/benchmarks"), help="where the videos are kept (default: %(default)s)")
    parser.add_argument("--clip", type=Path, help="a clip to repeat (default: one that is made)")
    parser.add_argument("--hours", type=float, default=2, help="length of the video (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=1, help="frames a second that are sampled (default: %(default)s)")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    clip = asked.clip or make(asked.folder, CAMERA, CLIP_S)
    clip_s = _length_s(clip)
    parts = max(round(3600 * asked.hours / clip_s / SHARE), 1)
    short, long = lengthen(clip, parts), lengthen(clip, parts * SHARE)
    with TemporaryDirectory(prefix="playhead-") as folder:
        ours = decode(long, asked.fps, Path(folder))
    others = {name: run(command, short, asked.fps) for name, command in (("cap.read()", python("reading")), ("ffmpeg", ffmpeg))}
    report(ours, others, length_s=parts * SHARE * clip_s)


def _length_s(clip: Path) -> float:
    with av.open(clip) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return float(stream.duration * stream.time_base)


if __name__ == "__main__":
    main()
