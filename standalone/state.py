"""The data directory of a stack: who uses it, and what others can read of a stack that runs."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from standalone.processes import CannotStart


@dataclass
class State:
    """What `stack.json` says: process ids by name, `supervisor` among them."""

    url: str
    ready: bool = False
    pids: dict[str, int] = field(default_factory=dict)

    def publish(self, data_dir: Path) -> None:
        """Seen whole or not at all."""
        draft = data_dir / "stack.json.new"
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(data_dir / "stack.json")


def read_state(data_dir: Path) -> State | None:
    """None where no stack runs, or one is just about to start."""
    try:
        return State(**json.loads((data_dir / "stack.json").read_text()))
    except FileNotFoundError:
        return None


@contextmanager
def held(data_dir: Path) -> Iterator[Path]:
    """The directory, made if need be, for this process alone. The lock goes with the process, however it ends.

    Raises:
        CannotStart: another stack uses it, or it can't be written.
    """
    try:
        (data_dir / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_dir / "blobs").mkdir(mode=0o700, exist_ok=True)
        lock = (data_dir / "lock").open("w")
    except OSError as error:
        raise CannotStart(
            f"{data_dir} can't be written ({os.strerror(error.errno or errno.EIO)}). PLAYHEAD_DATA_DIR names another place."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            there = read_state(data_dir)
            where = f" at {there.url} (process {there.pids.get('supervisor')})" if there else ""
            raise CannotStart(f"Playhead runs on {data_dir} already{where}. Stop it, or set PLAYHEAD_DATA_DIR.") from error
        (data_dir / "stack.json").unlink(missing_ok=True)
        try:
            yield data_dir
        finally:
            (data_dir / "stack.json").unlink(missing_ok=True)
