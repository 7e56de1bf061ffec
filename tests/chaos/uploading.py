"""Clients that upload while everything breaks, and try again as users do: with the same key until an answer comes."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any

import httpx

from tests.chaos.clips import SAMPLING, TYPES, Clip
from tests.chaos.evidence import Upload

CLIENTS = 3
PIECE_BYTES = 8 * 1024
TIMEOUT_S = 12.0
LONGEST_PAUSE_S = 2.0

TRY_AGAIN = frozenset({409, 502, 503, 504, 507})
"""Statuses after which a user sends it again: an upload that took longer than it may is a 409."""


def planned(jobs: int, clips: Mapping[str, Clip], seed: int) -> list[Upload]:
    """Which clip goes into which job; each tenth has a budget that can't be met, each twentieth one that will be. Of each third its client
    does not get to see the first answer.
    """
    random = Random(f"uploads {seed}")
    budgets = {number: 0.002 if number % 20 == 10 else 5.0 for number in range(0, jobs, 10)}
    return [
        Upload(f"upload-{number:04d}.", random.choice(sorted(clips)), budgets.get(number), loses_answer=number % 3 == 2)
        for number in range(jobs)
    ]


class Clients:
    """They take uploads off the list, each once it `may_go`."""

    def __init__(self, url: str, api_key: str, uploads: list[Upload], clips: Mapping[str, Clip], may_go: Callable[[], bool]) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=TIMEOUT_S, trust_env=False)
        self._uploads, self._clips, self._may_go = uploads, clips, may_go
        self._next, self._lock, self.over = 0, threading.Lock(), threading.Event()
        self.unexpected: list[str] = []

    def run(self) -> None:
        """One client, until there is nothing left or it is over."""
        while (number := self._take()) is not None:
            while not self._may_go() and not self.over.wait(0.1):
                pass
            self.upload(self._uploads[number])

    def one_more(self) -> Upload:
        """Beyond those planned: the smallest clip, until it is accepted."""
        made = Upload(f"upload-{len(self._uploads):04d}.", min(self._clips, key=lambda clip: len(self._clips[clip].content)))
        self._uploads.append(made)
        self.upload(made)
        return made

    def begin_no_more(self) -> None:
        """Those that are begun go on until they are accepted; the others are forgotten."""
        with self._lock:
            del self._uploads[self._next :]

    def _take(self) -> int | None:
        with self._lock:
            number = self._next
            if number >= len(self._uploads) or self.over.is_set():
                return None
            self._next += 1
        return number

    def upload(self, upload: Upload) -> None:
        """Until it is accepted."""
        pause_s = 0.2
        while upload.accepted_at is None and not self.over.wait(pause_s if upload.refused else 0):
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            upload.asked_at = time.time()
            try:
                key = {"Idempotency-Key": upload.name}
                answer = self._http.post("/v1/videos", params=self._params(upload), content=self._pieces(upload), headers=key)
                told = answer.json() if answer.status_code == 202 else {}
            except (httpx.TransportError, ValueError) as error:
                upload.refused.append(type(error).__name__)
                continue
            if answer.status_code == 202:
                upload.answers.append((told["video"]["id"], told["job"]["id"]))
                upload.replayed += "Idempotent-Replayed" in answer.headers
                if upload.loses_answer and len(upload.answers) == 1:
                    upload.refused.append("answer lost")
                    continue
                upload.video_id, upload.job_id = upload.answers[-1]
                upload.took_s, upload.accepted_at = time.time() - upload.asked_at, time.time()
                return
            upload.refused.append(str(answer.status_code))
            if answer.status_code not in TRY_AGAIN:
                self.unexpected.append(f"{upload.name} {answer.status_code} {answer.text[:300]}")

    def _params(self, upload: Upload) -> dict[str, str]:
        request: dict[str, Any] = {"analyzer": "model", "event_types": TYPES, "sampling": SAMPLING, "instructions": upload.name}
        if upload.budget_usd is not None:
            request["budget_usd"] = upload.budget_usd
        return {"custom_id": upload.name, "request": json.dumps(request)}

    def _pieces(self, upload: Upload) -> Iterator[bytes]:
        """A few at a time, so that there is a middle to be killed in."""
        content = self._clips[upload.clip].content
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]


@contextmanager
def uploading(clients: Clients) -> Iterator[list[threading.Thread]]:
    threads = [threading.Thread(target=clients.run, name=f"client {number}", daemon=True) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        clients.over.set()
        for thread in threads:
            thread.join(2 * TIMEOUT_S)
