"""`python -m benchmarks.streams`: what streams that are open cost: memory of the API's process, and the time of others' requests.

Starts the API on a database of its own, with jobs that go on all the time: each finds another event every few seconds. In turns, with and
without `--streams` open over `--jobs` of them, one client polls jobs, one request after the other. Exits with 1 when the process takes
`--limit-mb` or more, or the poll at 99 of 100 takes `--limit-ratio` times as long or more.
"""

import argparse
import asyncio
import contextlib
import http.client
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import Self
from uuid import UUID

import psutil

from benchmarks.serving import WORKSPACE, Server, serving
from benchmarks.settling import finished
from db import events, jobs, windows
from db.models import Job
from db.session import Sessions
from workers import settling

MB = 1024**2
HALF_AN_HOUR_MS = 1_800_000


class Life(threading.Thread):
    """Jobs that go on: every so often each finds one event more, over and over."""

    def __init__(self, server: Server, count: int, *, every_s: float) -> None:
        super().__init__(daemon=True)
        self._sessions, self._every_s = server.sessions, every_s
        self._going_on = [_job(server) for _ in range(count)]
        self.ids = [job.id for job, _ in self._going_on]
        self._over = threading.Event()

    def run(self) -> None:
        found = 0
        while not self._over.is_set():
            found += 1
            for job, rows in self._going_on:
                _show(self._sessions, job, rows[: found % len(rows)])
                if self._over.wait(self._every_s / len(self._going_on)):
                    return

    def stop(self) -> None:
        self._over.set()
        self.join()


def _job(server: Server) -> tuple[Job, list[dict[str, object]]]:
    job, video = finished(server.sessions, server.settings, HALF_AN_HOUR_MS, 3, workspace=WORKSPACE)
    with server.sessions.begin() as session:
        looked, _ = windows.of_job(session, job.id)
        session.get_one(Job, job.id).status = "processing"
    return job, settling.event_rows(job, video, looked, [])


def _show(sessions: Sessions, job: Job, rows: list[dict[str, object]]) -> None:
    """As `workers.showing` does."""
    with sessions.begin() as session:
        jobs.lock(session, job.id)
        events.become(session, job.id, rows, provisional=True)


@dataclass
class Crowd:
    """Clients that read their streams, in a thread of their own."""

    server: Server
    job_ids: list[UUID]
    size: int
    bytes: int = 0
    open: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._read_all(),), daemon=True)
        self._thread.start()
        while self.open < self.size:
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._tasks.cancel)
        self._thread.join()
        self._loop.close()

    async def _read_all(self) -> None:
        readers = (self._read(job_id) for job_id, _ in zip(cycle(self.job_ids), range(self.size), strict=False))
        self._tasks = asyncio.gather(*readers, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await self._tasks

    async def _read(self, job_id: UUID) -> None:
        host, port = self.server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            key = self.server.api_key
            writer.write(f"GET /v1/jobs/{job_id}/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            status = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in status, status
            await reader.readuntil(b"data:")
            self.open += 1
            while piece := await reader.read(65536):
                self.bytes += len(piece)
        finally:
            writer.transport.abort()


def poll(server: Server, job_ids: list[UUID], requests: int) -> list[float]:
    """How long each of so many requests took, in milliseconds."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    took = []
    for job_id, _ in zip(cycle(job_ids), range(requests), strict=False):
        began = time.perf_counter()
        connection.request("GET", f"/v1/jobs/{job_id}", headers=server.headers)
        answer = connection.getresponse()
        answer.read()
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200, answer.status
    connection.close()
    return took


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * len(values)))]


def measure(server: Server, asked: argparse.Namespace) -> tuple[float, float]:
    """The most memory that the process took, in MB; and how many times as long other requests took at 99 of 100."""
    process = psutil.Process(server.pid)
    life = Life(server, asked.jobs, every_s=asked.every)
    life.start()
    poll(server, life.ids, 200)  # what is loaded on first use
    alone_mb = most_mb = process.memory_info().rss / MB
    times: dict[str, list[float]] = {"without": [], "with": []}
    told = 0.0
    for _ in range(asked.rounds):
        times["without"] += poll(server, life.ids, asked.requests)
        with Crowd(server, life.ids, asked.streams) as crowd:
            begun, before = time.monotonic(), crowd.bytes
            times["with"] += poll(server, life.ids, asked.requests)
            told = (crowd.bytes - before) / (time.monotonic() - begun) / 1024
            most_mb = max(most_mb, process.memory_info().rss / MB)
    life.stop()
    print(f"{asked.streams} streams of {asked.jobs} jobs, {told:.0f} KB/s told to them")
    print(f"memory: {alone_mb:.0f} MB before, {most_mb:.0f} MB with them")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        without, with_them = percentile(times["without"], share), percentile(times["with"], share)
        print(f"GET /v1/jobs/{{id}}, {name}: {without:.2f} ms without, {with_them:.2f} ms with them: {with_them / without:.2f} times")
    return most_mb, with_them / without


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=50, help="over which they are spread (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds after which each job finds another event (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=500, help="of each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="with and without (default: %(default)s)")
    parser.add_argument("--limit-mb", type=float, default=300.0, help="memory that is too much (default: %(default)s)")
    parser.add_argument("--limit-ratio", type=float, default=2.0, help="of other requests' p99, that is too much (default: %(default)s)")
    asked = parser.parse_args()
    with serving() as server:
        most_mb, ratio = measure(server, asked)
    sys.exit(1 if most_mb >= asked.limit_mb or ratio >= asked.limit_ratio else 0)


if __name__ == "__main__":
    main()
