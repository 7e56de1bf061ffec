"""Jobs as they go on: until they end, or all that becomes of them."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

from playhead import answers
from playhead.calls import Ask, Emit, Flow, Pause, Piece, Series, at
from playhead.described import call, series
from playhead.errors import ConnectionFailed, WaitTimeout
from playhead.operations.asking import get, given
from playhead.retries import backoff_s
from playhead.sse import Message, Parser
from playhead.types import Event, Job, News

# While a job is followed a restart of the server is ridden out: about 35 s of it.
TRIES = 10
WAIT_S, WAIT_SHOWN_S = 25.0, 2.0
"""How long the server is asked to wait for the end; and where somebody looks on."""

ANSWER_S = 30.0
PAUSE_S = 0.2
SILENCE_S = 60.0
"""A stream that says nothing for so long is broken: there are signs of life in it."""

OVER = ("end", "deleted")


class Following:
    @call
    def wait(self, job_id: str, *, on_progress: Callable[[Job], None] | None = None, timeout: float | None = None) -> Flow[Job]:
        """Until the job has ended, in whatever way: look at its `status`. The server answers as soon as it has; `on_progress` hears of it
        every two seconds meanwhile.

        Raises WaitTimeout after `timeout` seconds. A server that is away for half a minute is waited for.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        wait_s = 0.0
        while True:
            asked = get(Job, at("/v1/jobs/{}", job_id), wait=round(wait_s, 3) or None)
            job = yield from replace(asked, tries=TRIES, timeout=wait_s + ANSWER_S)
            if on_progress:
                on_progress(job)
            if job.ended:
                return job
            left = WAIT_S if deadline is None else deadline - time.monotonic() - PAUSE_S
            if timeout is not None and left <= 0:
                raise WaitTimeout(job, timeout)
            yield Pause(PAUSE_S)
            wait_s = min(WAIT_SHOWN_S if on_progress else WAIT_S, left)

    @series
    def follow(self, job_id: str, *, after: str | None = None) -> Series[News]:
        """All that becomes of a job, as it becomes it: what there is already comes first, and `end` last.

        Goes on by itself where the connection breaks, and misses nothing; a server that is away for half a minute is waited for. `after`:
        the `id` of what you were told last, to go on from there another time. Nothing comes for a job whose `end` was told.
        """
        parser = Parser(after)
        while True:
            path, last = at("/v1/jobs/{}/stream", job_id), given(after=parser.last_id)
            asked = Ask(method="GET", path=path, params=last, read=answers.whole, tries=TRIES, timeout=SILENCE_S, stream=True)
            answer = yield from asked
            if answer.status_code == 204:
                return
            parser = Parser(parser.last_id)
            try:
                while piece := (yield Piece(answer)):
                    for message in parser.feed(piece):
                        yield Emit(_news(message))
                        if message.name in OVER:
                            return
            except ConnectionFailed:
                pass
            yield Pause(backoff_s(0) if parser.retry_s is None else parser.retry_s)


def _news(message: Message) -> News:
    data = json.loads(message.data)
    match message.name:
        case "job" | "end":
            return News(name=message.name, id=message.id, job=Job.from_json(data))
        case "event":
            return News(name=message.name, id=message.id, event=Event.from_json(data))
        case "withdrawn":
            return News(name=message.name, id=message.id, event_id=data["id"])
        case _:
            return News(name=message.name, id=message.id)
