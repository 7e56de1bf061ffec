"""How a file gets to the server: in one request, or in as many as the network wants (tus, tus.io)."""

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx

from playhead import answers
from playhead.calls import Ask, Flow, Pause, at
from playhead.errors import ApiError, ConnectionFailed, PlayheadError, UnexpectedAnswer
from playhead.files import OnBytes, Outgoing
from playhead.operations.asking import get, keyed
from playhead.retries import backoff_s, pause_s
from playhead.types import Job, Pending, Upload, Video

TIMEOUT_S = 300.0  # the server may take its time to store the end of it
TUS = {"Tus-Resumable": "1.0.0"}

# In a row, without a byte that arrived: about 35 s.
TRIES = 10


def at_once(file: Outgoing, about: Mapping[str, Any], on_progress: OnBytes | None) -> Ask[Upload]:
    """In one request, made again where the file can be read again."""
    return Ask(
        method="POST",
        path="/v1/videos",
        params=about,
        headers={**file.headers, **keyed()},
        content=partial(file.body, on_progress),
        timeout=TIMEOUT_S,
        tries=1 if file.total is None else None,
        read=uploaded,
    )


def uploaded(answer: httpx.Response) -> Upload:
    told = answers.json_of(answer)
    return Upload(Video.from_json(told.get("video")), Job.from_json(told.get("job")))


def begin(file: Outgoing, about: Mapping[str, Any]) -> Ask[str]:
    """A resumable upload, still empty; its id. One that is begun twice is given up by itself."""
    metadata = ",".join(f"{name} {b64encode(str(value).encode()).decode()}" for name, value in about.items())
    headers = {**TUS, "Upload-Length": str(file.total), "Upload-Metadata": metadata, **keyed()}
    return Ask(method="POST", path="/v1/uploads", headers=headers, read=_id)


def go_on(file: Outgoing, upload_id: str, on_progress: OnBytes | None) -> Flow[Upload]:
    """Send what is missing of an upload. Where a connection breaks, the server is asked how far it got, and gets what comes after that."""
    path, failures = at("/v1/uploads/{}", upload_id), 0
    offset = yield from _offset(path, file)
    while offset < (file.total or 0):
        try:
            offset = yield from _rest(path, file, offset, on_progress)
        except (ApiError, ConnectionFailed) as error:
            pause = backoff_s(failures) if _is_behind(error) else pause_s(error, failures)
            if pause is None or failures >= TRIES:
                raise
            yield Pause(pause)
            before, offset = offset, (yield from _offset(path, file))
            failures = failures + 1 if offset == before else 0
    whole = yield from get(Pending, path)
    if whole.video is None or whole.job is None:
        raise UnexpectedAnswer(f"The upload {upload_id} is whole, but became no video.")
    return Upload(whole.video, whole.job)


def _rest(path: str, file: Outgoing, offset: int, on_progress: OnBytes | None) -> Ask[int]:
    """All from the offset on; how far it got."""
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return Ask(
        method="PATCH",
        path=path,
        headers={**headers, "Content-Length": str((file.total or 0) - offset)},
        content=partial(file.body, on_progress, offset=offset),
        timeout=TIMEOUT_S,
        tries=1,
        read=lambda answer: _number(answer, "Upload-Offset"),
    )


def _offset(path: str, file: Outgoing) -> Flow[int]:
    """Raises PlayheadError for an upload of another file."""
    answer = yield from Ask(method="HEAD", path=path, headers=TUS, tries=TRIES, read=answers.whole)
    if (length := answer.headers.get("Upload-Length")) != str(file.total):
        raise PlayheadError(f"The upload is of a file of {length} bytes, and this one has {file.total}: it is another one.")
    return _number(answer, "Upload-Offset")


def _is_behind(error: ApiError | ConnectionFailed) -> bool:
    """Another request, whose connection broke, brought the upload on meanwhile."""
    return isinstance(error, ApiError) and error.code == "offset_mismatch"


def _id(answer: httpx.Response) -> str:
    return str(answer.headers.get("Location", "")).rstrip("/").rpartition("/")[2]


def _number(answer: httpx.Response, header: str) -> int:
    try:
        return int(answer.headers[header])
    except (KeyError, ValueError) as error:
        raise UnexpectedAnswer(f"The server's answer has no {header} that can be read.") from error
