"""`python -m benchmarks.api`: what the API takes beside the least that FastAPI and psycopg could do for the same answers, as ratios.

Starts the API as it is deployed, with no limit of requests, and beside it bare routes on the same database (`bare.py`), one process each.
In turns, clients poll a job that runs, and ask for the events of a stretch of a video; before that both are seen to answer the same. Then
one file is uploaded, and written to the same disk by `tee` with `sha256sum` behind it. Exits with 1 where a ratio is below its target.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from benchmarks.api.load import Load, load
from benchmarks.serving import WORKSPACE, Server, process, serving
from benchmarks.settling import finished, settle
from db import jobs
from db.models import Job, Segment
from standalone.processes import free_port

HALF_AN_HOUR_MS, MINUTE_MS = 1_800_000, 60_000
MB = 1024**2
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


def paths(server: Server) -> dict[str, str]:
    """What is asked for."""
    running, video_id = written(server)
    stretch = f"from_ms={10 * MINUTE_MS}&to_ms={11 * MINUTE_MS}&limit=100"
    return {"job polling": f"/v1/jobs/{running}", "event queries": f"/v1/videos/{video_id}/events?{stretch}"}


def written(server: Server) -> tuple[UUID, UUID]:
    """A job that runs, with windows that were answered; and a video with a few hundred events."""
    running, _ = finished(server.sessions, server.settings, HALF_AN_HOUR_MS, 3, workspace=WORKSPACE)
    with server.sessions.begin() as session:
        row = session.get_one(Job, running.id)
        row.status, row.stage = "processing", "sample"
        session.add(Segment(workspace_id=row.workspace_id, job_id=row.id, seq=0, windows=[[seq, 0, 1] for seq in range(64)]))
    ended, video = finished(server.sessions, server.settings, HALF_AN_HOUR_MS, 10, workspace=WORKSPACE)
    settle(server.sessions, ended)
    with server.sessions.begin() as session:
        assert (job := jobs.lock(session, ended.id)) is not None
        assert job.completed_at
    return running.id, video.id


def requests(server: Server, bare: Beside, name: str, path: str, asked: argparse.Namespace) -> bool:
    """Whether the target is met."""
    ours, theirs = (httpx.get(f"{url}{path}", headers=server.headers).raise_for_status() for url in (server.url, bare.url))
    assert ours.json() == theirs.json(), "they do not answer the same"
    turns: Mapping[str, list[Load]] = {server.url: [], bare.url: []}
    for turn in range(asked.rounds + 1):
        for url, taken in turns.items():
            taken.append(load(url, path, server.headers, clients=asked.clients, seconds=asked.seconds if turn else 0.5))
    pairs = list(zip(*turns.values(), strict=True))[1:]
    rate, bare_rate = (statistics.median(one.a_second for one in side) for side in zip(*pairs, strict=True))
    slow, bare_slow = (statistics.median(one.p99_ms for one in side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one.a_second / other.a_second for one, other in pairs)
    slow_ratio = statistics.median(other.p99_ms / one.p99_ms for one, other in pairs)
    print(
        f"{name}, {len(ours.content):,} bytes: {rate:,.0f} a second, bare {bare_rate:,.0f}: {ratio:.2f} of it;"
        f" p99 {slow:.1f} ms, bare {bare_slow:.1f} ms: {slow_ratio:.2f} of it (least of both: {LEAST['requests']})",
        flush=True,
    )
    return min(ratio, slow_ratio) >= LEAST["requests"]


def uploads(server: Server, asked: argparse.Namespace) -> bool:
    """Whether the target is met."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "video.mp4", Path(folder) / "copy.mp4"
        source.write_bytes(FTYP + bytes(asked.megabytes * MB - len(FTYP)))
        pairs = []
        for turn in range(asked.rounds + 1):
            pair = uploaded(server, source), piped(source, target)
            if turn:
                pairs.append(pair)
    ours, shell = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / took for took, theirs in pairs)
    rates = f"{asked.megabytes / ours:,.0f} MB/s, tee and sha256sum {asked.megabytes / shell:,.0f} MB/s"
    print(f"uploads of {asked.megabytes} MB: {rates}: {ratio:.2f} of it (least: {LEAST['uploads']})", flush=True)
    return ratio >= LEAST["uploads"]


def uploaded(server: Server, source: Path) -> float:
    """Seconds."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    headers = {**server.headers, "Content-Type": "video/mp4", "Content-Length": str(source.stat().st_size)}
    began = time.perf_counter()
    with source.open("rb") as file:
        connection.putrequest("POST", "/v1/videos?request=%7B%22analyzer%22%3A%22signals%22%7D")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendfile(file)
        answer = connection.getresponse()
        told = answer.read()
    took = time.perf_counter() - began
    assert answer.status == 202, told
    connection.close()
    return took


def piped(source: Path, target: Path) -> float:
    """Seconds."""
    began = time.perf_counter()
    subprocess.run(f"cat {source} | tee {target} | sha256sum", shell=True, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    target.unlink()
    return took


if __name__ == "__main__":
    main()
