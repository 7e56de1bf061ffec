"""Videos: send, list, fetch, delete."""

import os
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, TypedDict, Unpack

import httpx

from playhead import answers
from playhead.calls import Ask, Flow, at
from playhead.described import call, listing
from playhead.files import OnBytes, Outgoing, Readable, outgoing
from playhead.operations.asking import body, delete, get, keyed, listed, query
from playhead.operations.downloads import download
from playhead.pages import Listed
from playhead.types import Job, Upload, Video

UPLOAD_TIMEOUT_S = 300.0  # the server may take its time to store the end of it


class About(TypedDict, total=False):
    """What goes with a video. `request` says what to look for and how, `filename` is the file's own unless told; `recorded_at` is the
    wall-clock time of its first frame, `custom_id` and `metadata` are yours.
    """

    request: Mapping[str, Any] | None
    title: str | None
    custom_id: str | None
    recorded_at: datetime | str | None
    metadata: Mapping[str, Any] | None
    filename: str | None


class Videos:
    @call
    def upload(
        self, file: str | os.PathLike[str] | Readable, *, on_progress: OnBytes | None = None, **about: Unpack[About]
    ) -> Flow[Upload]:
        """Send a video, in constant memory, and have it analysed; `request` says what to look for and how.

        `on_progress(sent, total)` is called with bytes; `total` is None for a stream without an end in sight, which can be sent only
        once. Raises OSError too, where the file can't be read.
        """
        with outgoing(file) as content:
            return (yield from _at_once(content, query(**{**about, "filename": about.get("filename") or content.filename}), on_progress))

    @call
    def upload_url(self, url: str, **about: Unpack[About]) -> Ask[Upload]:
        """Have the server fetch a video from an address; the job's `stage` is `fetch` meanwhile, and its progress counts bytes."""
        return Ask(method="POST", path="/v1/videos", json=body(url=url, **about), headers=keyed(), read=_uploaded)

    @listing
    def videos(self, *, custom_id: str | None = None, limit: int = 100) -> Listed[Video]:
        """Newest first. `limit` is the size of a page, here as everywhere."""
        return listed(Video, "/v1/videos", custom_id=custom_id, limit=limit)

    @call
    def video(self, video_id: str) -> Ask[Video]:
        return get(Video, at("/v1/videos/{}", video_id))

    @call
    def delete_video(self, video_id: str) -> Ask[None]:
        """The file, the frames, the jobs and the events, for good."""
        return delete(at("/v1/videos/{}", video_id))

    @call
    def media(self, video_id: str, to: str | os.PathLike[str] | BinaryIO, *, on_progress: OnBytes | None = None) -> Flow[int]:
        """Download the video as it was uploaded; the number of bytes. A path appears only when all of it has come."""
        return (yield from download(at("/v1/videos/{}/media", video_id), to, on_progress))


def _at_once(file: Outgoing, about: dict[str, Any], on_progress: OnBytes | None) -> Ask[Upload]:
    """In one request, made again where the file can be read again."""
    return Ask(
        method="POST",
        path="/v1/videos",
        params=about,
        headers={**file.headers, **keyed()},
        content=partial(file.body, on_progress),
        timeout=UPLOAD_TIMEOUT_S,
        tries=1 if file.total is None else None,
        read=_uploaded,
    )


def _uploaded(answer: httpx.Response) -> Upload:
    told = answers.json_of(answer)
    return Upload(Video.from_json(told.get("video")), Job.from_json(told.get("job")))
