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
    Bucket,
    Coverage,
    Delivery,
    Diff,
    Estimate,
    Event,
    Evidence,
    Gap,
    Incomparable,
    Job,
    Key,
    Limits,
    Me,
    Moved,
    NewKey,
    News,
    NewWebhook,
    Page,
    PassEstimate,
    Pending,
    Price,
    Problem,
    Progress,
    Readiness,
    Source,
    Timeline,
    Try,
    Upload,
    Usage,
    Verification,
    Video,
    Webhook,
    WebhookSecret,
    Workspace,
)
from playhead.version import __version__

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncPages",
    "BadSetting",
    "Bucket",
    "Client",
    "ConnectionFailed",
    "Coverage",
    "Delivery",
    "Diff",
    "Estimate",
    "Event",
    "Evidence",
    "Gap",
    "Incomparable",
    "Job",
    "Key",
    "Limits",
    "Me",
    "Moved",
    "NewKey",
    "NewWebhook",
    "News",
    "Page",
    "Pages",
    "PassEstimate",
    "Pending",
    "PlayheadError",
    "Price",
    "Problem",
    "Progress",
    "Readiness",
    "Source",
    "TimecodeError",
    "Timeline",
    "Try",
    "UnexpectedAnswer",
    "Upload",
    "Usage",
    "Verification",
    "Video",
    "WaitTimeout",
    "Webhook",
    "WebhookSecret",
    "Workspace",
    "__version__",
    "format_timecode",
    "parse_timecode",
]
