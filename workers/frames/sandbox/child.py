"""The decoder's own process: `python -m workers.frames.sandbox.child`. One request as a line of JSON on standard input, messages on
standard output (`wire`), and out.

Hostile bytes are touched here only. It limits itself, imports cv2, and gives up everything but the one file (`isolation`) before it looks
at any.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import DecoderFailed, PlayheadError
from core.processes import die_with_parent
from workers.frames.sandbox.guard import ffmpeg_version
from workers.frames.sandbox.isolation import EXPOSED, Isolation, isolate
from workers.frames.sandbox.wire import pack

TICK_S = 0.5
SELF = "self"


def main() -> None:
    pipe = _private_stdout()
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    # By the kernel's signal on Linux; by the end of standard input everywhere, but only once a thread may be started.
    die_with_parent(parent=request["parent"])
    _limit(memory_bytes=request["memory_bytes"], cpu_s=request["cpu_s"])
    try:
        for head, body in _answers(request, _Life(pipe)):
            pipe.write(pack(head, body))
            pipe.flush()
    except PlayheadError as error:
        pipe.write(pack({"kind": "error", **error.as_dict()}))
    except MemoryError:
        pipe.write(pack({"kind": "error", "code": "out_of_memory"}))
    pipe.flush()


def _private_stdout() -> BinaryIO:
    """Standard output for messages alone; whatever a library prints goes to standard error."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def _exit_at_end_of_input() -> None:
    # OpenCV lets go of the interpreter while it decodes, so this is heard in time.
    while os.read(0, 1024):
        pass
    os._exit(1)


def _limit(*, memory_bytes: int, cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # The second more lets SIGXCPU come first, which says what happened; SIGKILL does not.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class _Life:
    """Says that the process is alive, at most every half second, while there is nothing else to say."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._last = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._last >= TICK_S:
            self._last = now
            self._pipe.write(pack({"kind": "tick"}))
            self._pipe.flush()


def _answers(request: dict[str, Any], alive: _Life) -> Iterator[tuple[dict[str, Any], bytes]]:
    from workers.frames import answers, saved  # noqa: PLC0415  (cv2 comes with it: behind the limits, and before files are out of reach)

    ffmpeg = ffmpeg_version() if request["ask"] == SELF else None
    isolation = _isolate(request)
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    if request["ask"] == SELF:
        yield {"kind": SELF, "ffmpeg": ffmpeg, **isolation._asdict()}, b""
        yield {"kind": "end"}, b""
    else:
        with os.fdopen(request["known"], "rb") as known:
            yield from answers.answer(request, alive=alive, known=known.read(saved.MAX_SAVED))


def _isolate(request: dict[str, Any]) -> Isolation:
    """Raises DecoderFailed where isolation is required and cannot be had. What it knows of itself it may tell all the same."""
    if request["isolation"] == "off":
        return Isolation(("isolation (PLAYHEAD_SANDBOX=off)",), EXPOSED)
    isolation = isolate(Path(request["path"]) if "path" in request else None)
    if isolation.exposed and request["isolation"] == "require" and request["ask"] != SELF:
        raise DecoderFailed(f"The decoder could not be isolated: {', '.join(isolation.missing)}.")
    return isolation


if __name__ == "__main__":
    main()
