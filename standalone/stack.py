"""A whole stack in the hands of another process: the demo's, a test's, a benchmark's."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from standalone.part import running
from standalone.parts import python
from standalone.processes import CannotStart, Command, wait_until
from standalone.state import State, held, read_state

STOP_S = 35  # the supervisor takes 30 at the most


class Stack:
    """What `python -m standalone up` runs on a data directory."""

    name = "stack"
    stop_signal = signal.SIGTERM
    ready_s = 180.0

    def __init__(self, data_dir: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> None:
        """`environment` is added to this process's and reaches every part; port 0 takes any free one."""
        self.data_dir = data_dir.absolute()
        self._environment = {**(environment or {}), "PLAYHEAD_DATA_DIR": str(self.data_dir), "PLAYHEAD_PORT": str(port)}

    @property
    def url(self) -> str:
        return self._state.url

    @property
    def api_key(self) -> str:
        return (self.data_dir / "api-key").read_text().strip()

    def pid(self, part: str) -> int:
        """The process id of `supervisor`, `postgres`, `valkey`, `api`, `transfer`, `webhook`, `decode`, `model`, `sweep` or `beat`, now."""
        return self._state.pids[part]

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL, *, within_s: float = 60) -> None:
        """Send a part a signal that ends it, and return when the supervisor has started it again."""
        former = self.pid(part)
        os.kill(former, number)
        if not wait_until(lambda: self.pid(part) != former, timeout_s=within_s):
            raise CannotStart(f"{part} was not started again")

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    def prepare(self) -> None:
        """See at once whether the directory can be had, and take away what a killed stack said of itself."""
        with held(self.data_dir):
            pass

    def command(self) -> Command:
        return python(("-m", "standalone", "up"), self._environment)

    def is_ready(self) -> bool:
        state = read_state(self.data_dir)
        return state is not None and state.ready

    @property
    def _state(self) -> State:
        state = read_state(self.data_dir)
        if state is None:
            raise CannotStart(f"No stack runs on {self.data_dir}")
        return state


@contextmanager
def stack(data_dir: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """The whole stack, ready; stopped in order afterwards. Its files stay in `data_dir`, its logs in `data_dir / "logs"`.

    Raises:
        CannotStart: with what it said.
    """
    whole = Stack(data_dir, port=port, environment=environment)
    with running(whole, whole.logs, stop_s=STOP_S):
        yield whole
