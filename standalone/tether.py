"""`python -I -S tether.py PARENT OWNER PROGRAM ...`: becomes a program that the kernel kills when its parent is gone (Linux).

A program of its own, as what `subprocess` can run between fork and exec is not safe beside threads. OWNER is `uid:gid`, or empty.
"""

import os
import signal
import sys
from pathlib import Path

NO_SUCH_PROGRAM = 127


def main(parent: str, owner: str, program: str, *arguments: str) -> None:
    if owner:
        uid, _, gid = owner.partition(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    die_with_parent()  # after the change of user, which undoes it
    if os.getppid() != int(parent):
        sys.exit("The parent is gone already.")
    # What is ignored would stay so. Python ignores the first two; the others whoever was started by `nohup` or behind an `&`.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(program, [program, *arguments])  # noqa: S606 - that it has no shell is the point
    except OSError as error:
        print(f"{program}: {error.strerror}", file=sys.stderr)
        sys.exit(NO_SUCH_PROGRAM)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from core.processes import die_with_parent

    main(*sys.argv[1:])
