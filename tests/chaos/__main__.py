"""`python -m tests.chaos`: break the whole stack while it works, and prove that nothing was lost and nothing done twice."""

import argparse
import math
import pickle
import signal
import sys
import tempfile
import time
from pathlib import Path

from core.processes import die_with_parent
from tests.chaos import disk, orphans, report
from tests.chaos.checker import check
from tests.chaos.faults import KINDS
from tests.chaos.run import Options, run

EPILOG = """
Exit code 0: every invariant holds. 1: one is broken; its violations are listed with the ids of the rows.
The same seed breaks the same things in the same order; what the machine does in between is its own.
Kinds of faults: {kinds}.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run the real stack, upload videos to it, break it in every way at once, and check the invariants afterwards.",
        epilog=EPILOG.format(kinds=", ".join(KINDS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--seed", type=int, default=1, help="of the schedule of faults, of the uploads and of the model's moods (1)")
    made.add_argument("--jobs", type=int, default=200, help="videos to upload, of eight windows each (200)")
    made.add_argument("--faults", type=int, default=300, help="to inject (300)")
    made.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="to break things for, with as many faults and jobs as come, as many of one for one of the other",
    )
    made.add_argument("--pause", type=float, default=0.8, metavar="S", help="seconds between two faults, on average (0.8)")
    made.add_argument("--settle", type=float, default=300.0, metavar="S", help="how long jobs may take once everything is mended (300)")
    made.add_argument("--broker-uploads", type=int, default=5, metavar="N", help="measured afterwards in each state of the broker (5)")
    made.add_argument("--kind", action="append", choices=list(KINDS), metavar="KIND", help="only faults of this kind; may be given often")
    made.add_argument("--with-parent", action="store_true", help="stop when the process that started this one is gone")
    made.add_argument("--keep", type=Path, metavar="DIR", help="leave the database, the blobs and the logs in this folder")
    return made


def main() -> int:
    arguments = parser().parse_args()
    if arguments.with_parent:
        die_with_parent(signal.SIGTERM)
    orphans.adopt()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="playhead-chaos-") as temporary:
        data_dir = (arguments.keep or Path(temporary)).absolute() / f"run-{arguments.seed}"
        data_dir.mkdir(parents=True)
        with disk.small_disk(data_dir / "disk") as small:
            return _run(arguments, data_dir, small)


def _run(arguments: argparse.Namespace, data_dir: Path, small: Path | None) -> int:
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    lasts_s = 60 * arguments.minutes if arguments.minutes else math.inf
    times = math.ceil(lasts_s / arguments.pause / arguments.faults) + 1 if arguments.minutes else 1
    options = Options(
        seed=arguments.seed,
        jobs=times * arguments.jobs,
        faults=times * arguments.faults,
        lasts_s=lasts_s,
        data_dir=data_dir,
        pause_s=arguments.pause,
        kinds=tuple(arguments.kind or KINDS),
        settle_s=arguments.settle,
        broker_uploads=arguments.broker_uploads,
        small_disk=small,
    )
    outcome = run(options, say)
    (data_dir / "evidence.pickle").write_bytes(pickle.dumps(outcome))
    found = check(outcome.evidence)
    for line in report.lines(outcome, found):
        print(line, flush=True)
    broken = any(found.values()) or outcome.unexpected
    say("BROKEN" if broken else f"Every invariant holds (seed {arguments.seed}).")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
