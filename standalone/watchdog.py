"""Kills the process groups of a launcher that is gone; run as a script, in a session of its own.

Standard input is a pipe that only the launcher holds open: it reads `+GROUP` and `-GROUP` lines, and its end, which comes however
the launcher died, means that every group still listed is killed.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
