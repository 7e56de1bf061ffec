"""The client: one method for each thing that the server does."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Literal, Self, TypeVar
from urllib.parse import quote

import httpx

from playhead.errors import PlayheadError, WaitTimeout
from playhead.files import OnBytes, Readable, incoming, outgoing
from playhead.pages import Pages
from playhead.settings import Settings
from playhead.types import Diff, Estimate, Event, Job, Page, Record, Upload, Video
from playhead.wire import Wire

R = TypeVar("R", bound=Record)

# While waiting for a job a restart of the server is ridden out: about 35 s of it.
_POLL_TRIES = 10
_FIRST_POLL_S, _LONGEST_POLL_S, _POLL_GROWTH = 0.2, 3.0, 1.4


class Client:
    """Talks to one Playhead server. Use it as a context manager, or `close()` it; threads may share it.

    The address is `url`, else `PLAYHEAD_URL`, else http://127.0.0.1:8000; the key `api_key`, else `PLAYHEAD_API_KEY`, else, for a server on
    this machine, the file `./var/api-key`. Calls that may be repeated safely (reading, deleting, canceling) are made up to `tries`
    times while nobody answers or the server asks to come back later (429, 502, 503, 504; a `Retry-After` of up to a minute is kept to).
    `timeout` is for each silence of the server, in seconds.

    Every method raises ApiError, ConnectionFailed or UnexpectedAnswer, all of them PlayheadErrors.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30,
        tries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._wire = Wire(Settings.find(url, api_key), timeout=timeout, tries=tries, transport=transport)

    @property
    def url(self) -> str:
        return self._wire.url

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Videos

    def upload(
        self,
        file: str | os.PathLike[str] | Readable,
        *,
        request: Mapping[str, Any] | None = None,
        title: str | None = None,
        custom_id: str | None = None,
        recorded_at: datetime | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        on_progress: OnBytes | None = None,
    ) -> Upload:
        """Send a video, in constant memory, and have it analysed; `request` says what to look for and how.

        `on_progress(sent, total)` is called with bytes; `total` is None for a stream without an end in sight. An upload is not repeated by
        itself. Raises OSError too, where the file can't be read.
        """
        with outgoing(file) as content:
            params = _params(
                request=None if request is None else json.dumps(request),
                title=title,
                custom_id=custom_id,
                recorded_at=recorded_at,
                metadata=None if metadata is None else json.dumps(metadata),
                filename=content.filename,
            )
            answer = self._wire.upload("/v1/videos", content.pieces(on_progress), params=params, headers=content.headers)
        return Upload(Video.from_json(answer.get("video")), Job.from_json(answer.get("job")))

    def videos(self, *, custom_id: str | None = None, limit: int = 100) -> Pages[Video]:
        """Newest first. `limit` is the size of a page, here as everywhere."""
        return self._list(Video, "/v1/videos", custom_id=custom_id, limit=limit)

    def video(self, video_id: str) -> Video:
        return Video.from_json(self._wire.json("GET", _path("/v1/videos", video_id)))

    def delete_video(self, video_id: str) -> None:
        """The file, the frames, the jobs and the events, for good."""
        self._wire.delete(_path("/v1/videos", video_id))

    def media(self, video_id: str, to: str | os.PathLike[str] | BinaryIO, *, on_progress: OnBytes | None = None) -> int:
        """Download the video as it was uploaded; the number of bytes. A path appears only when all of it has come."""
        with self._wire.download(_path("/v1/videos", video_id, "media")) as answer, incoming(to) as target:
            total = answer.headers.get("Content-Length")
            received = 0
            for piece in answer.iter_bytes():
                target.write(piece)
                received += len(piece)
                if on_progress:
                    on_progress(received, None if total is None else int(total))
        return received

    # Jobs

    def create_job(self, video_id: str, request: Mapping[str, Any] | None = None) -> Job:
        """Ask something else of a video that is there already."""
        return Job.from_json(self._wire.json("POST", _path("/v1/videos", video_id, "jobs"), json=dict(request or {})))

    def estimate(self, video_id: str, request: Mapping[str, Any] | None = None) -> Estimate:
        """What a job with this request would cost. ApiError with the code `not_probed` until a worker has looked at the video."""
        path = _path("/v1/videos", video_id, "estimate")
        return Estimate.from_json(self._wire.json("POST", path, json=dict(request or {}), tries=self._wire.tries))

    def jobs(self, *, video_id: str | None = None, status: Sequence[str] = (), limit: int = 100) -> Pages[Job]:
        """Newest first."""
        return self._list(Job, "/v1/jobs", video_id=video_id, status=list(status) or None, limit=limit)

    def job(self, job_id: str) -> Job:
        return Job.from_json(self._wire.json("GET", _path("/v1/jobs", job_id)))

    def cancel(self, job_id: str) -> Job:
        """Start no further work on it. What was found stays; a job that has ended stays as it is."""
        return Job.from_json(self._wire.json("POST", _path("/v1/jobs", job_id, "cancel"), tries=self._wire.tries))

    def retry(self, job_id: str, *, budget_usd: float | None = None) -> Job:
        """Have what is missing of a job analysed that ended partial, failed or canceled; what was answered is not paid for again.

        `budget_usd` is the job's new budget, what it has spent included. ApiError with the code `job_running` while it goes on,
        `nothing_to_retry` where it has all that can be had, `budget` where it ended at its budget and is given no larger one.
        """
        body = {} if budget_usd is None else {"budget_usd": budget_usd}
        return Job.from_json(self._wire.json("POST", _path("/v1/jobs", job_id, "retry"), json=body))

    def diff(self, job_id: str, against: str) -> Diff:
        """What appeared, vanished and moved against another job of the same video, and what of it can't be compared."""
        return Diff.from_json(self._wire.json("GET", _path("/v1/jobs", job_id, "diff"), params={"against": against}))

    def wait(self, job_id: str, *, on_progress: Callable[[Job], None] | None = None, timeout: float | None = None) -> Job:
        """Ask until the job has ended, in whatever way: look at its `status`. The time between two questions grows to 3 s.

        Raises WaitTimeout after `timeout` seconds. A server that is away for half a minute is waited for.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_POLL_S
        while True:
            job = Job.from_json(self._wire.json("GET", _path("/v1/jobs", job_id), tries=_POLL_TRIES))
            if on_progress:
                on_progress(job)
            if job.ended:
                return job
            if timeout is not None and deadline is not None and time.monotonic() + pause > deadline:
                raise WaitTimeout(job, timeout)
            time.sleep(pause)
            pause = min(pause * _POLL_GROWTH, _LONGEST_POLL_S)

    # Events

    def events(
        self,
        video_id: str | None = None,
        *,
        at_ms: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        match: Literal["overlaps", "within", "starts"] | None = None,
        recorded_from: datetime | str | None = None,
        recorded_to: datetime | str | None = None,
        types: Sequence[str] = (),
        q: str | None = None,
        min_confidence: float | None = None,
        verification: Sequence[str] = (),
        job_id: str | None = None,
        sort: Literal["start_ms", "-start_ms", "-confidence"] | None = None,
        limit: int = 100,
    ) -> Pages[Event]:
        """The events of one video, or of all of them; also while a job runs, marked `provisional`.

        `at_ms` asks what goes on at that moment; `from_ms` and `to_ms` for what `overlaps` the stretch, lies `within` it or
        `starts` in it. `recorded_from` and `recorded_to` are wall-clock times with their offset. `q` searches the text.
        `verification` (`confirmed`, `rejected`, `unverified`) picks by what a second look said; without it, all but what was rejected.
        `limit` is the size of a page (1 to 1000), not of the answer.
        """
        path = "/v1/events" if video_id is None else _path("/v1/videos", video_id, "events")
        return self._list(
            Event,
            path,
            at_ms=at_ms,
            from_ms=from_ms,
            to_ms=to_ms,
            match=match,
            recorded_from=recorded_from,
            recorded_to=recorded_to,
            type=list(types) or None,
            q=q,
            min_confidence=min_confidence,
            verification=list(verification) or None,
            job_id=job_id,
            sort=sort,
            limit=limit,
        )

    def event(self, event_id: str) -> Event:
        return Event.from_json(self._wire.json("GET", _path("/v1/events", event_id)))

    def frame(self, event_id: str) -> bytes:
        """The evidence: the frame that shows the event, as JPEG."""
        return self._wire.body(_path("/v1/events", event_id, "frame.jpg"))

    def _list(self, kind: type[R], path: str, **filters: Any) -> Pages[R]:
        def fetch(cursor: str | None) -> Page[R]:
            answer = self._wire.json("GET", path, params=_params(cursor=cursor, **filters))
            data = tuple(kind.from_json(item) for item in answer.get("data", ()))
            return Page(data=data, next_cursor=answer.get("next_cursor"))

        return Pages(fetch)


def _params(**given: Any) -> dict[str, Any]:
    """Query parameters: what is None is left out, times are ISO 8601."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items() if value is not None}


def _path(collection: str, item_id: str, *rest: str) -> str:
    """An id is one segment of the path, whatever is in it."""
    if item_id.strip(".") == "":
        raise PlayheadError(f"{item_id!r} is not an id.")
    return "/".join((collection, quote(item_id, safe=""), *rest))
