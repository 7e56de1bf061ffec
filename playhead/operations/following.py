"""Jobs as they go: wait for their end, or hear of all that becomes of them."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf

from playhead import answers
from playhead.calls import Ask, Emit, Flow, Pause, Piece, Series, at
from playhead.described import call, series
from playhead.errors import ConnectionFailed, WaitTimeout
from playhead.messages import Messages
from playhead.operations.asking import get
from playhead.retries import backoff_s
from playhead.types import Job, News

# While a job is waited for a restart of the server is ridden out: about 35 s of it.
TRIES = 10
FIRST_POLL_S, LONGEST_POLL_S, POLL_GROWTH = 0.2, 3.0, 1.4
LONGEST_WAIT_S = 30.0
SILENCE_S = 60.0


class Following:
    @call
    def wait(self, job_id: str, *, on_progress: Callable[[Job], None] | None = None, timeout: float | None = None) -> Flow[Job]:
        """Until the job has ended, in whatever way: look at its `status`. The server answers when it has; with `on_progress` it is asked at
        least every 3 s how the job does.

        Raises WaitTimeout after `timeout` seconds. A server that is away for half a minute is waited for.
        """
        deadline = inf if timeout is None else time.monotonic() + timeout
        pause = FIRST_POLL_S
        while True:
            asked_at = time.monotonic()
            wait = max(0.0, min(pause if on_progress else LONGEST_WAIT_S, deadline - asked_at))
            job = yield from replace(get(Job, at("/v1/jobs/{}", job_id), wait=round(wait, 3)), tries=TRIES, timeout=wait + SILENCE_S)
            if on_progress:
                on_progress(job)
            if job.ended:
                return job
            now = time.monotonic()
            if timeout is not None and now >= deadline:
                raise WaitTimeout(job, timeout)
            yield Pause(max(0.0, min(asked_at + pause, deadline) - now))  # whoever answers sooner than asked to is not asked in vain
            pause = min(pause * POLL_GROWTH, LONGEST_POLL_S)

    @series
    def follow(self, job_id: str, *, last_id: str | None = None) -> Series[News]:
        """All that becomes of a job, as it becomes it, until it has ended: its state, and its events as they are found, change and go.

        What there is already comes first; with `last_id`, the `id` of some news, what came after that. A connection that breaks is made
        again and goes on where it was, as long as the server is not away for half a minute.
        """
        failures = 0
        while True:
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
            path, messages = at("/v1/jobs/{}/stream", job_id), Messages()
            try:
                answer = yield from Ask(
                    method="GET", path=path, headers=headers, tries=TRIES, timeout=SILENCE_S, stream=True, read=answers.whole
                )
                if answer.status_code == 204:
                    return
                while piece := (yield Piece(answer)):
                    for message in messages.fed(piece):
                        failures, last_id = 0, message.id or last_id
                        news = News.of(message)
                        yield Emit(news)
                        if news.is_last:
                            return
            except ConnectionFailed:
                if failures >= TRIES:
                    raise
            yield Pause(backoff_s(failures) if messages.retry_s is None else messages.retry_s)
            failures += 1
