"""`python -m benchmarks.api`: what the API takes beside the least that FastAPI and psycopg could do for the same answers, as ratios.

Starts the API as it is deployed, with no limit of requests, and beside it bare routes on the same database (`bare.py`), one process each.
In turns, clients poll jobs that run, of which each changes every second, and ask for the events of stretches of a video; before that both
are seen to answer the same. Then one file is uploaded, in one request and by tus, and written to the same disk by `tee` with `sha256sum`
behind it. Exits with 1 where a ratio is below its target.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
from sqlalchemy import select, update

from benchmarks.api.load import Load, load
from benchmarks.serving import WORKSPACE, Server, process, serving
from benchmarks.settling import finished, settle
from db import jobs
from db.models import Budget, Job, Segment
from db.session import Sessions
from standalone.processes import free_port

HALF_AN_HOUR_MS, MINUTE_MS = 1_800_000, 60_000
MB = 1024**2
REQUEST = '{"analyzer": "signals"}'
RUNNING = 16
"""Jobs that are polled."""

LEAST = {"requests": 0.6, "uploads": 0.7}
FTYP = bytes.fromhex("0000001c66747970") + b"isom\0\0\2\0isomiso2mp41"


@dataclass(frozen=True)
class Beside:
    """Somebody else's answers to the same requests."""

    url: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clients", type=int, default=16, help="that ask at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="of turns, whose median counts (default: %(default)s)")
    parser.add_argument("--megabytes", type=int, default=512, help="of the file that is uploaded (default: %(default)s)")
    asked = parser.parse_args()
    with serving(max_requests_a_minute="0", max_uploads_a_day="0", max_jobs_a_day="0", model_api_key="none") as server:
        port = free_port()
        command = ("-m", "benchmarks.api.bare", str(port))
        with process(command, f"http://127.0.0.1:{port}/healthz", server.environment) as (url, _):
            met = [requests(server, Beside(url), name, path, asked) for name, path in paths(server).items()]
        met.append(uploads(server, asked))
    sys.exit(0 if all(met) else 1)


def paths(server: Server) -> dict[str, list[str]]:
    """What is asked for."""
    running, video_id = written(server)
    starts = range(0, HALF_AN_HOUR_MS, MINUTE_MS)
    stretches = [f"from_ms={start}&to_ms={start + MINUTE_MS}&limit=100" for start in starts]
    return {
        "job polling": [f"/v1/jobs/{job_id}" for job_id in running],
        "event queries": [f"/v1/videos/{video_id}/events?{stretch}" for stretch in stretches],
    }


def written(server: Server) -> tuple[list[UUID], UUID]:
    """Jobs that run, with windows that were answered; and a video with a few hundred events."""
    running = [finished(server.sessions, server.settings, HALF_AN_HOUR_MS, 3, workspace=WORKSPACE)[0].id for _ in range(RUNNING)]
    with server.sessions.begin() as session:
        for job_id in running:
            row = session.get_one(Job, job_id)
            row.status, row.stage = "processing", "sample"
            session.add(Segment(workspace_id=row.workspace_id, job_id=row.id, seq=0, windows=[[seq, 0, 1] for seq in range(64)]))
    ended, video = finished(server.sessions, server.settings, HALF_AN_HOUR_MS, 10, workspace=WORKSPACE)
    settle(server.sessions, ended)
    with server.sessions.begin() as session:
        assert (job := jobs.lock(session, ended.id)) is not None
        assert job.completed_at
    return running, video.id


@contextmanager
def changing(sessions: Sessions) -> Iterator[None]:
    """Meanwhile each job changes once a second, one after the other, as when a window is answered."""
    with sessions.begin() as session:
        job_ids = session.scalars(select(Budget.job_id)).all()
    ended = threading.Event()

    def work() -> None:
        for job_id in cycle(job_ids):
            if ended.wait(1 / len(job_ids)):
                return
            with sessions.begin() as session:
                session.execute(update(Budget).where(Budget.job_id == job_id).values(spent_usd=Budget.spent_usd))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def requests(server: Server, bare: Beside, name: str, paths: list[str], asked: argparse.Namespace) -> bool:
    """Whether the target is met."""
    answers = [[httpx.get(f"{url}{path}", headers=server.headers).raise_for_status() for path in paths] for url in (server.url, bare.url)]
    for ours, theirs in zip(*answers, strict=True):
        assert ours.json() == theirs.json(), "they do not answer the same"
    turns: Mapping[str, list[Load]] = {server.url: [], bare.url: []}
    with changing(server.sessions):
        for turn in range(asked.rounds + 1):
            for url, taken in turns.items():
                taken.append(load(url, paths, server.headers, clients=asked.clients, seconds=asked.seconds if turn else 0.5))
    pairs = list(zip(*turns.values(), strict=True))[1:]
    rate, bare_rate = (statistics.median(one.a_second for one in side) for side in zip(*pairs, strict=True))
    slow, bare_slow = (statistics.median(one.p99_ms for one in side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one.a_second / other.a_second for one, other in pairs)
    slow_ratio = statistics.median(other.p99_ms / one.p99_ms for one, other in pairs)
    mean_bytes = statistics.mean(len(one.content) for one in answers[0])
    print(
        f"{name}, {mean_bytes:,.0f} bytes: {rate:,.0f} a second, bare {bare_rate:,.0f}: {ratio:.2f} of it;"
        f" p99 {slow:.1f} ms, bare {bare_slow:.1f} ms: {slow_ratio:.2f} of it (least of both: {LEAST['requests']})",
        flush=True,
    )
    return min(ratio, slow_ratio) >= LEAST["requests"]


def uploads(server: Server, asked: argparse.Namespace) -> bool:
    """Whether the target is met. The slowest of so few stands for their p99."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "video.mp4", Path(folder) / "copy.mp4"
        source.write_bytes(FTYP + bytes(asked.megabytes * MB - len(FTYP)))
        rounds = [(uploaded(server, source), resumable(server, source), piped(source, target)) for _ in range(asked.rounds + 1)]
    *ours, shell = zip(*rounds[1:], strict=True)
    met = []
    for name, took in zip(("in one request", "by tus"), ours, strict=True):
        ratio = statistics.median(theirs / one for theirs, one in zip(shell, took, strict=True))
        slow_ratio = max(shell) / max(took)
        rate, shell_rate = (asked.megabytes / statistics.median(side) for side in (took, shell))
        print(
            f"uploads of {asked.megabytes} MB {name}: {rate:,.0f} MB/s, tee and sha256sum {shell_rate:,.0f} MB/s: {ratio:.2f} of it;"
            f" slowest {slow_ratio:.2f} of it (least of both: {LEAST['uploads']})",
            flush=True,
        )
        met.append(min(ratio, slow_ratio) >= LEAST["uploads"])
    return all(met)


def uploaded(server: Server, source: Path) -> float:
    """Seconds."""
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"))) as connection:
        began = time.perf_counter()
        sent(connection, "POST", f"/v1/videos?request={quote(REQUEST)}", {**server.headers, "Content-Type": "video/mp4"}, source)
        return time.perf_counter() - began


def resumable(server: Server, source: Path) -> float:
    """Seconds."""
    headers = {**server.headers, "Tus-Resumable": "1.0.0"}
    described = {"Upload-Length": str(source.stat().st_size), "Upload-Metadata": f"request {b64encode(REQUEST.encode()).decode()}"}
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"))) as connection:
        began = time.perf_counter()
        connection.request("POST", "/v1/uploads", headers={**headers, **described})
        created = connection.getresponse()
        told, path = created.read(), urlsplit(created.headers["Location"]).path
        assert created.status == 201, told
        sent(connection, "PATCH", path, {**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, source)
        return time.perf_counter() - began


def sent(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], source: Path) -> None:
    """The file, as a body."""
    with source.open("rb") as file:
        connection.putrequest(method, path)
        for name, value in {**headers, "Content-Length": str(source.stat().st_size)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendfile(file)
        answer = connection.getresponse()
        told = answer.read()
    assert answer.status in {200, 202, 204}, told


def piped(source: Path, target: Path) -> float:
    """Seconds."""
    began = time.perf_counter()
    subprocess.run(f"cat {source} | tee {target} | sha256sum", shell=True, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    target.unlink()
    return took


if __name__ == "__main__":
    main()
