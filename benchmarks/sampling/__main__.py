"""`python -m benchmarks.sampling`: CPU and wall clock of sampling, against other programs, on the same 1080p files, in one run.

Needs `ffmpeg` on the PATH (`apt-get install ffmpeg`) and PySceneDetect (`.venv/bin/pip install scenedetect-headless`); they are not part of
the project. Makes its videos first, which takes some minutes, and keeps them in `--folder`. Exits with 1 when a target is missed.
`--costs` measures what the planner weighs, and nothing else.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.sampling import costs
from benchmarks.sampling.contestants import Spent, ffmpeg, python, run
from benchmarks.sampling.videos import PHONE, PLATFORM, Kind, lengthen, make

PHONE_1S = Kind("phone-key-1s", 1, PHONE)
PLATFORM_1S = Kind("platform-key-1s", 1, PLATFORM)
PLATFORM_8S = Kind("platform-key-8s", 8, PLATFORM)
FOUR_K = Kind("phone-4k-key-1s", 1, PHONE, (3840, 2160))
CONTESTANTS = {"playhead": python("playhead"), "ffmpeg": ffmpeg}
OTHERS = {"PyAV": python("pyav"), "cap.read()": python("reading"), "PySceneDetect": python("scenedetect")}


class Case(NamedTuple):
    """A video and how many times in a row, a rate, and how many times our CPU ffmpeg must take (0: no target); and whether the others
    show what they take too.
    """

    kind: Kind
    times: int
    fps: float
    target: float
    others: bool = False


CASES = (
    Case(PHONE_1S, 2, 1, 0, others=True),
    Case(PHONE_1S, 10, 1, 10),
    Case(PLATFORM_1S, 2, 1, 0),
    Case(PLATFORM_8S, 2, 1, 1),
    Case(PLATFORM_8S, 2, 0.1, 5),
)


def compare(folder: Path, seconds: int) -> bool:
    """Print the table; whether all targets are met."""
    met = True
    columns = ("video", "minutes", "frames a second", "", "CPU s", "wall s", "CPU, times ours", "wall, times ours", "JPEGs")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for case in CASES:
        video = lengthen(make(folder, case.kind, seconds), case.times)
        spent = {name: run(command, video, case.fps) for name, command in (CONTESTANTS | (OTHERS if case.others else {})).items()}
        ours = spent["playhead"]
        for name, theirs in spent.items():
            print(_row(case, name, theirs, ours, minutes=case.times * seconds / 60), flush=True)
        met &= spent["ffmpeg"].cpu_s >= case.target * ours.cpu_s
    return met


def _row(case: Case, name: str, spent: Spent, ours: Spent, *, minutes: float) -> str:
    ratio = f"{spent.cpu_s / ours.cpu_s:.1f}" + (f" (target: {case.target:g})" if name == "ffmpeg" and case.target else "")
    cells = (
        case.kind.name,
        f"{minutes:g}",
        f"{case.fps:g}",
        name,
        f"{spent.cpu_s:.2f}",
        f"{spent.wall_s:.2f}",
        ratio,
        f"{spent.wall_s / ours.wall_s:.1f}",
    )
    return "| " + " | ".join((*cells, str(spent.frames))) + " |"


def memory(folder: Path, seconds: int) -> bool:
    """Print the most memory that a decoder takes; whether it keeps to its limits and is flat over length."""
    video = make(folder, PLATFORM_8S, seconds)
    short, long = run(python("playhead"), video, 1), run(python("playhead"), lengthen(video, 4), 1)
    four_k = run(python("playhead"), make(folder, FOUR_K, 5), 1)
    print(f"\nA decoder's memory at 1080p: {short.memory_mb:.0f} MB, and {long.memory_mb:.0f} MB at four times the length.")
    print(f"At 4K: {four_k.memory_mb:.0f} MB.")
    return max(short.memory_mb, long.memory_mb) < 350 and long.memory_mb < short.memory_mb * 1.2 and four_k.memory_mb < 1024


def index(folder: Path, seconds: int) -> bool:
    """Print what the packet index costs beside decoding; whether that is under a hundredth."""
    found = costs.measure(make(folder, PLATFORM_8S, seconds))
    print(f"\nThe packet index costs {100 * found.packet / found.frame:.2f} % of decoding every frame.")
    return found.packet < found.frame / 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/benchmarks"), help="where the videos are kept (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of video that are encoded; longer ones repeat them (default: %(default)s)")
    parser.add_argument("--costs", action="store_true", help="measure what the planner weighs, and nothing else")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.costs:
        print(costs.measure(make(arguments.folder, PLATFORM_8S, arguments.seconds)))
        return
    met = [check(arguments.folder, arguments.seconds) for check in (compare, memory, index)]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
