"""Every part is restarted, one after the other, while videos come in: no job is lost, and no request gets a wrong answer."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from playhead import Client
from standalone.stack import Stack
from tests.e2e.truth import REQUEST, assert_true
from tests.model_server.misbehaving import slow
from tests.model_server.running import ModelServer
from tests.polling import wait_until

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "bikes.mp4"
STOPPED_S = 30
STARTED_S = 90  # every part starts at once, beside other tests
MOST_UPLOADS = 6


@dataclass
class Load:
    """What a crowd of clients got: answers by status, and connections that came to nothing, by whether the API was being restarted."""

    statuses: Counter[int] = field(default_factory=Counter)
    unasked: Counter[bool] = field(default_factory=Counter)
    jobs: list[str] = field(default_factory=list)
    without_advice: list[httpx.Response] = field(default_factory=list)
    restarting: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def go_on(self, url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Connection": "close"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
            turn = 0
            while not self.over.wait(0.05):
                turn += 1
                self._ask(http, upload=turn % 20 == 0 and len(self.jobs) < MOST_UPLOADS)

    def _ask(self, http: httpx.Client, *, upload: bool) -> None:
        restarting = self.restarting.is_set()
        try:
            if upload:
                query = {"request": '{"analyzer": "signals"}'}
                answer = http.post("/v1/videos", params=query, content=SAMPLE.read_bytes(), headers={"Content-Type": "video/mp4"})
            else:
                answer = http.get("/v1/events", params={"limit": 5})
        except httpx.TransportError:
            self.unasked[restarting or self.restarting.is_set()] += 1
            return
        self.statuses[answer.status_code] += 1
        if answer.status_code == 202:
            self.jobs.append(answer.json()["job"]["id"])
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            self.without_advice.append(answer)


@contextmanager
def load(whole: Stack) -> Iterator[Load]:
    made = Load()
    thread = threading.Thread(target=made.go_on, args=(whole.url, whole.api_key), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        thread.join(60)


@pytest.mark.timeout(360)
def test_a_rolling_restart_under_load_loses_no_job(client: Client, whole: Stack, model: ModelServer, video: Path) -> None:
    model.control.always(slow(0.5))
    uploaded = client.upload(video, request={**REQUEST, "sampling": {"window_s": 12, "overlap_s": 4}})
    with load(whole) as crowd:
        for part in ("beat", "sweep", "transfer", "webhook", "decode", "model", "api"):
            if part == "api":
                crowd.restarting.set()
            whole.kill(part, signal.SIGTERM, within_s=STOPPED_S)
        wait_until(lambda: reachable(whole), "the API to be there again", timeout_s=STARTED_S)
        crowd.restarting.clear()
        answered = sum(crowd.statuses.values())
        wait_until(lambda: sum(crowd.statuses.values()) > answered, "the next answer")
    assert set(crowd.statuses) <= {200, 202, 503}, crowd.statuses
    assert crowd.without_advice == []
    assert crowd.unasked[False] == 0, "only the one API process, while it is away itself, leaves a request without an answer"
    assert crowd.jobs
    job = client.wait(uploaded.job.id, timeout=90)
    assert (job.status, job.coverage.ratio) == ("succeeded", 1.0)
    assert_true(list(client.events(uploaded.video.id)))
    assert job.usage.calls == job.progress.windows_total
    for each in crowd.jobs:
        ended = client.wait(each, timeout=60)
        assert ended.status == "succeeded"
        client.delete_video(ended.video_id)
    client.delete_video(uploaded.video.id)


def reachable(whole: Stack) -> bool:
    try:
        return httpx.get(f"{whole.url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
