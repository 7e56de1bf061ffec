"""One decoder for many videos: the sampler itself over a process that lives on, for tests that go through hundreds of small files.

What belongs to the process (limits, isolation, death) is left out and tested elsewhere; requests, answers and windows are the real ones.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import PlayheadError
from tests.integration.frames.sampling import LIMITS
from workers.frames.sampler import Archive, Sampler
from workers.frames.sandbox.process import ENVIRONMENT
from workers.frames.sandbox.wire import LENGTHS, Message, pack

ROOT = Path(__file__).parents[3]


class ManySampler(Sampler):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(LIMITS)
        self._process = process

    def _ask(
        self, request: dict[str, Any], *, output_bytes: int, beat: Callable[[], None], archive: Archive | None = None
    ) -> Iterator[Message]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        # All of it at once: a caller that stops in the middle leaves nothing for the next request.
        heard = list(_messages(self._process.stdout))
        for message in heard:
            if message.head["kind"] == "error":
                raise self._verdict(message.head)
            yield message


@contextmanager
def many() -> Iterator[Sampler]:
    command = [sys.executable, "-m", "tests.integration.frames.many"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT) as process:
        yield ManySampler(process)
        assert process.stdin is not None
        process.stdin.close()


def _messages(pipe: BinaryIO | Any) -> Iterator[Message]:
    while True:
        head, body = LENGTHS.unpack(pipe.read(LENGTHS.size))
        message = Message(json.loads(pipe.read(head)), pipe.read(body))
        if message.head["kind"] == "end":
            return
        yield message
        if message.head["kind"] == "error":
            return


def main() -> None:
    from workers.frames import answers

    for line in sys.stdin.buffer:
        try:
            for head, body in answers.answer(json.loads(line), alive=lambda: None):
                sys.stdout.buffer.write(pack(head, body))
        except PlayheadError as error:
            sys.stdout.buffer.write(pack({"kind": "error", **error.as_dict()}))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
