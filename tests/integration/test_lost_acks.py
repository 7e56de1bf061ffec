"""A worker whose acknowledgement never arrived goes on taking messages: it must not count what it did as still to be done."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit
from uuid import uuid4

import redis
from celery import Celery

from core.queue import PLAN, ROUTES, broker_config
from core.settings import Settings
from standalone import parts
from tests.chaos.proxy import PIECE_BYTES, Link, proxies, reset
from tests.polling import wait_until

ACK = (b"ZREM", b"unacked_index")


class LosesOneAck(Link):
    """Breaks off the connection that carries the first acknowledgement; all others stay."""

    lost = False

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE_BYTES):
            if not self.lost and all(word in data for word in ACK):
                self.lost = True
                reset(writer)
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()


def test_a_worker_that_could_not_acknowledge_a_message_takes_the_next_ones(settings: Settings) -> None:
    broker = urlsplit(settings.redis_url.get_secret_value())
    app = Celery("test", set_as_current=False)
    app.conf.update(broker_config(settings))
    with app, proxies() as links, closing(redis.Redis.from_url(broker.geturl())) as valkey:
        link = LosesOneAck(broker.port or 0)
        through = broker._replace(netloc=f"{broker.netloc.rpartition(':')[0]}:{links.open('worker-valkey', link)}")
        environment = {
            **os.environ,
            "PLAYHEAD_DATABASE_URL": settings.database_url.get_secret_value(),
            "PLAYHEAD_REDIS_URL": through.geturl(),
            "PLAYHEAD_BLOBS_URL": settings.blobs_url,
        }
        with subprocess.Popen([sys.executable, *parts.DECODE, "--concurrency", "1"], env=environment, cwd=parts.ROOT) as worker:
            try:
                for _ in range(3):
                    app.send_task(PLAN, args=[str(uuid4())], queue=ROUTES[PLAN])
                    wait_until(lambda: valkey.llen(ROUTES[PLAN]) == 0, "the worker to take a message", timeout_s=60)
            finally:
                worker.kill()
        assert link.lost
