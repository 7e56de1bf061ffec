"""Playhead's client: give a video to a Playhead server, and ask what happens in it, and when.

from playhead import Client

with Client() as client:
    upload = client.upload("street.mp4", request={"event_types": [{"id": "crossing", "description": "A person crosses the street"}]})
    job = client.wait(upload.job.id)
    for event in client.events(upload.video.id, from_ms=60_000, to_ms=120_000):
        print(event.start_ms, event.end_ms, event.description)
"""

from playhead.client import AsyncClient, Client
from playhead.errors import (
    ApiError,
    BadSetting,
    ConnectionFailed,
    PlayheadError,
    TimecodeError,
    UnexpectedAnswer,
    WaitTimeout,
)
from playhead.pages import AsyncPages, Pages
from playhead.timecodes import format_timecode, parse_timecode
from playhead.types import (
    Coverage,
    Diff,
    Estimate,
    Event,
    Evidence,
    Gap,
    Incomparable,
    Job,
    Moved,
    News,
    Page,
    PassEstimate,
    Price,
    Problem,
    Progress,
    Source,
    Upload,
    Usage,
    Verification,
    Video,
)
from playhead.version import __version__

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncPages",
    "BadSetting",
    "Client",
    "ConnectionFailed",
    "Coverage",
    "Diff",
    "Estimate",
    "Event",
    "Evidence",
    "Gap",
    "Incomparable",
    "Job",
    "Moved",
    "News",
    "Page",
    "Pages",
    "PassEstimate",
    "PlayheadError",
    "Price",
    "Problem",
    "Progress",
    "Source",
    "TimecodeError",
    "UnexpectedAnswer",
    "Upload",
    "Usage",
    "Verification",
    "Video",
    "WaitTimeout",
    "__version__",
    "format_timecode",
    "parse_timecode",
]
