import signal
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from standalone.part import running
from standalone.valkey import Valkey, valkey


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    with running(server, tmp_path) as process:
        redis.Redis.from_url(server.url()).rpush("queue", "message")
        process.signal(signal.SIGKILL)
        assert process.wait(10)
    with valkey(tmp_path) as again:
        assert redis.Redis.from_url(again.url()).lrange("queue", 0, -1) == [b"message"]


def test_it_wants_its_password_and_evicts_nothing(tmp_path: Path) -> None:
    with valkey(tmp_path) as server:
        client = redis.Redis.from_url(server.url())
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=client.connection_pool.connection_kwargs["port"], retry=Retry(NoBackoff(), 0)).ping()
    assert (tmp_path / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
