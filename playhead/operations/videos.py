"""Videos: send, list, fetch, delete."""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO

import httpx

from playhead import answers
from playhead.calls import Ask, Flow, at
from playhead.described import call, listing
from playhead.files import Body, OnBytes, Outgoing, Readable, outgoing
from playhead.operations.asking import delete, get, given, listed
from playhead.operations.downloads import download
from playhead.pages import Listed
from playhead.types import Job, Upload, Video

UPLOAD_TIMEOUT_S = 300.0  # the server may take its time to store the end of it


class Videos:
    @call
    def upload(
        self,
        file: str | os.PathLike[str] | Readable,
        *,
        request: Mapping[str, Any] | None = None,
        title: str | None = None,
        custom_id: str | None = None,
        recorded_at: datetime | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        filename: str | None = None,
        on_progress: OnBytes | None = None,
    ) -> Flow[Upload]:
        """Send a video, in constant memory, and have it analysed; `request` says what to look for and how.

        `filename` is the file's own unless told. `on_progress(sent, total)` is called with bytes; `total` is None for a stream without
        an end in sight. An upload is not repeated by itself. Raises OSError too, where the file can't be read.
        """
        with outgoing(file) as content:
            about = given(
                request=request,
                title=title,
                custom_id=custom_id,
                recorded_at=recorded_at,
                metadata=metadata,
                filename=filename or content.filename,
            )
            return (yield from _at_once(content, about, on_progress))

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
    """In one request, which is made once: what was read from a stream can't be read again."""
    return Ask(
        method="POST",
        path="/v1/videos",
        params=about,
        headers=file.headers,
        content=Body(file, on_progress),
        timeout=UPLOAD_TIMEOUT_S,
        tries=1,
        read=_uploaded,
    )


def _uploaded(answer: httpx.Response) -> Upload:
    told = answers.json_of(answer)
    return Upload(Video.from_json(told.get("video")), Job.from_json(told.get("job")))
