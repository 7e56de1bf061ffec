"""The parent's side of the decoder's process: starts it, listens, and makes sure that it ends."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from core.errors import DecoderFailed
from workers.frames.sandbox.guard import VARIABLE, capture_options
from workers.frames.sandbox.wire import BadMessage, Message, Unpacker

ROOT = Path(__file__).parents[3]
BEAT_S = 0.5
READ_BYTES = 256 * 1024
LAST_WORDS_BYTES = 4096
EXIT_S = 5

# All that the child finds in its environment. One thread: a worker has one process a core, and frame threads cost memory. Packets of
# other streams that one read may pass over: by default 4,096, after which a read fails that is no sign of damage.
ENVIRONMENT = {
    VARIABLE: capture_options(),
    "OPENCV_FFMPEG_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENCV_FFMPEG_READ_ATTEMPTS": "1000000000",
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "8",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # Pictures come and go; to have their pages back from the kernel each time costs a quarter of a millisecond a frame.
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}

Beat = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one process may use. `stall_s`: its longest silence; it says every half second that it is alive. `output_bytes`: all it may
    send. `isolation`: whether it must be, is as far as the kernel allows, or is not kept from other files and the network.
    """

    memory_bytes: int
    cpu_s: int
    stall_s: float
    output_bytes: int
    isolation: Literal["require", "auto", "off"]


def converse(request: dict[str, Any], confinement: Confinement, *, beat: Beat, known: bytes = b"") -> Iterator[Message]:
    """The child's messages, up to the one of kind `end`; ticks are kept back. `known`: more for it to read, of any length.

    `beat` is called every half second at least, also in silence. Whatever it raises, and whatever ends the iteration, ends the child.
    The child also ends with the thread that called this, and with this process, however they end. Raises DecoderFailed.
    """
    limits = {
        "parent": os.getpid(),
        "memory_bytes": confinement.memory_bytes,
        "cpu_s": confinement.cpu_s,
        "isolation": confinement.isolation,
    }
    # A file: a child that does not read what is written to it would keep this process waiting.
    with TemporaryFile(buffering=0) as file, _process(file) as process:
        file.write(known)
        file.seek(0)
        listener = _Listener(process, confinement, beat)
        listener.ask(request | limits | {"known": file.fileno()})
        for message in listener.messages():
            kind = message.head.get("kind")
            if kind == "end":
                return
            if kind != "tick":
                yield message
        raise listener.failure()


@contextmanager
def _process(readable: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "workers.frames.sandbox.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=ENVIRONMENT,
        pass_fds=(readable.fileno(),),
        # A terminal's Ctrl-C is for the parent, which then ends the child.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            # What a child that died at once was not told would be written now.
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()


class _Listener:
    def __init__(self, process: subprocess.Popen[bytes], confinement: Confinement, beat: Beat) -> None:
        self._process = process
        self._confinement = confinement
        self._beat = beat
        self._last_beat = self._last_sign = time.monotonic()
        self._received = 0
        self._last_words = b""

    def ask(self, request: dict[str, Any]) -> None:
        """One line; standard input stays open, for its end tells the child that there is no parent."""
        assert self._process.stdin is not None
        # A child that is dead already tells why by its exit code.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def messages(self) -> Iterator[Message]:
        """Until the child closes its standard output."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        unpacker = Unpacker()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._process.stderr, selectors.EVENT_READ)
            while True:
                self._keep_beat()
                for key, _ in selector.select(BEAT_S):
                    data = os.read(key.fd, READ_BYTES)
                    if key.fileobj is self._process.stderr:
                        self._last_words = (self._last_words + data)[-LAST_WORDS_BYTES:]
                        if not data:
                            selector.unregister(key.fileobj)
                    elif data:
                        yield from self._heard(unpacker, data)
                    else:
                        return
                self._check_silence()

    def _heard(self, unpacker: Unpacker, data: bytes) -> Iterator[Message]:
        self._received += len(data)
        if self._received > self._confinement.output_bytes:
            raise DecoderFailed(f"The decoder sent more than the {self._confinement.output_bytes} bytes that it may.")
        try:
            yield from unpacker.feed(data)
        except BadMessage as error:
            raise DecoderFailed("The decoder sent what cannot be understood.") from error
        # Not while somebody else worked on what was heard: the child waits then.
        self._last_sign = time.monotonic()

    def _keep_beat(self) -> None:
        if time.monotonic() - self._last_beat >= BEAT_S:
            self._beat()
            self._last_beat = time.monotonic()

    def _check_silence(self) -> None:
        if time.monotonic() - self._last_sign > self._confinement.stall_s:
            raise DecoderFailed(f"The decoder was silent for more than {self._confinement.stall_s:g} seconds.")

    def failure(self) -> DecoderFailed:
        """Why the child went without a last message."""
        try:
            code = self._process.wait(timeout=EXIT_S)
        except subprocess.TimeoutExpired:
            return DecoderFailed("The decoder stopped talking.")
        if code == -signal.SIGXCPU:
            detail = f"The decoder used more than {self._confinement.cpu_s} seconds of CPU time."
        elif code < 0:
            detail = f"The decoder was ended by {signal.Signals(-code).name}."
        else:
            detail = f"The decoder ended with exit code {code}."
        failure = DecoderFailed(detail)
        failure.add_note(self._last_words.decode(errors="replace"))
        return failure
