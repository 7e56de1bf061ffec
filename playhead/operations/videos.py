"""Videos: send, list, fetch, delete."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, BinaryIO, TypedDict, Unpack

from playhead.calls import Ask, Flow, at
from playhead.described import call, listing
from playhead.errors import PlayheadError
from playhead.files import OnBytes, Readable, outgoing
from playhead.operations.asking import body, delete, get, keyed, listed, query
from playhead.operations.downloads import download
from playhead.operations.sending import at_once, begin, go_on, uploaded
from playhead.pages import Listed
from playhead.types import Upload, Video

RESUMABLE_BYTES = 32 * 1024**2


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
        self,
        file: str | os.PathLike[str] | Readable,
        *,
        resumable: bool | None = None,
        resume: str | None = None,
        on_begun: Callable[[str], None] | None = None,
        on_progress: OnBytes | None = None,
        **about: Unpack[About],
    ) -> Flow[Upload]:
        """Send a video, in constant memory, and have it analysed; `request` says what to look for and how.

        A `resumable` upload goes on where it was when a connection breaks; those of 32 MB and more are, unless told. `on_begun(upload_id)`
        hears of its id, by which another call, with `resume`, sends the rest of the same file; then nothing can be said about it any
        more. What is not resumable is sent again from its beginning.

        `on_progress(sent, total)` is called with bytes; `total` is None for a stream without an end in sight, which can be sent only
        once. Raises OSError too, where the file can't be read.
        """
        with outgoing(file) as content:
            told = query(**{**about, "filename": about.get("filename") or content.filename})
            if resume is None and not (resumable or (resumable is None and (content.total or 0) >= RESUMABLE_BYTES)):
                return (yield from at_once(content, told, on_progress))
            if content.total is None:
                raise PlayheadError("This stream can be read only once, so its upload can't go on after a break.")
            if resume is None:
                resume = yield from begin(content, told)
                if on_begun:
                    on_begun(resume)
            return (yield from go_on(content, resume, on_progress))

    @call
    def upload_url(self, url: str, **about: Unpack[About]) -> Ask[Upload]:
        """Have the server fetch a video from an address; the job's `stage` is `fetch` meanwhile, and its progress counts bytes."""
        return Ask(method="POST", path="/v1/videos", json=body(url=url, **about), headers=keyed(), read=uploaded)

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
