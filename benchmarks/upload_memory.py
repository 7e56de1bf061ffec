"""`python -m benchmarks.upload_memory`: how much memory the API takes while a large video passes through it.

Starts the whole stack, sends a body of 1 GB (or `--gigabytes`) raw and as a form, and watches the resident memory of the API's process.
Exits with 1 when it grows by `--limit-mb` or more.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from standalone.stack import Stack, stack

MB = 1024**2
HEADER = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
BOUNDARY = "benchmark"


class Watch(threading.Thread):
    """The most memory that a process was seen to take, looking every 10 ms."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self.start_bytes = self.most_bytes = self._process.memory_info().rss
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.01):
            self.most_bytes = max(self.most_bytes, self._process.memory_info().rss)

    def stop(self) -> float:
        """How far it grew, in MB."""
        self._done.set()
        self.join()
        return (self.most_bytes - self.start_bytes) / MB


def video(size: int) -> Iterator[bytes]:
    """Bytes that begin like an MP4 and are noise after that."""
    yield HEADER
    noise = os.urandom(MB)
    for _ in range(size // MB):
        yield noise


def form(size: int) -> Iterator[bytes]:
    yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x.mp4"\r\n\r\n'.encode()
    yield from video(size)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def send(client: httpx.Client, body: Iterator[bytes], media_type: str) -> None:
    answer = client.post("/v1/videos", content=body, headers={"Content-Type": media_type})
    answer.raise_for_status()
    client.delete(f"/v1/videos/{answer.json()['video']['id']}").raise_for_status()


def measure(running: Stack, size: int) -> list[float]:
    grown = []
    headers = {"Authorization": f"Bearer {running.api_key}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=300) as client:
        send(client, video(MB), "video/mp4")  # what is loaded on first use is not growth
        for name, body, media_type in (
            ("raw body", video(size), "video/mp4"),
            ("form", form(size), f"multipart/form-data; boundary={BOUNDARY}"),
        ):
            watch, began = Watch(running.pid("api")), time.monotonic()
            watch.start()
            send(client, body, media_type)
            grown.append(watch.stop())
            seconds = time.monotonic() - began
            print(
                f"{name:<9} {size / MB:6.0f} MB in {seconds:5.1f} s: {size / MB / seconds:5.0f} MB/s;"
                f" API at {watch.start_bytes / MB:.0f} MB, grew by {grown[-1]:.1f} MB"
            )
    return grown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upload_memory", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the body (default: %(default)s)")
    parser.add_argument("--limit-mb", type=float, default=50.0, help="growth that is too much (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as running:
        grown = measure(running, round(arguments.gigabytes * 1024) * MB)
    sys.exit(1 if max(grown) >= arguments.limit_mb else 0)


if __name__ == "__main__":
    main()
