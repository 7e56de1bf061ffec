"""What the server answers, typed.

Every object keeps the JSON it came from in `raw`. Fields that this version does not know are in there and break nothing; fields that an
older server does not send keep their defaults. Times in media are milliseconds from the first presented frame, spans half-open.
"""

from playhead.types.costs import Cost, Estimate, PassEstimate, Price, Usage
from playhead.types.events import Diff, Event, Evidence, Incomparable, Moved, Source, Verification
from playhead.types.exports import Bucket, Timeline
from playhead.types.jobs import ENDED, Coverage, Gap, Job, Progress
from playhead.types.keys import Key, Limits, Me, NewKey, Workspace
from playhead.types.news import News
from playhead.types.record import Page, Problem, Record
from playhead.types.server import Readiness
from playhead.types.uploads import Pending
from playhead.types.videos import Upload, Video
from playhead.types.webhooks import Delivery, NewWebhook, Try, Webhook, WebhookSecret

__all__ = [
    "ENDED",
    "Bucket",
    "Cost",
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
    "PassEstimate",
    "Pending",
    "Price",
    "Problem",
    "Progress",
    "Readiness",
    "Record",
    "Source",
    "Timeline",
    "Try",
    "Upload",
    "Usage",
    "Verification",
    "Video",
    "Webhook",
    "WebhookSecret",
    "Workspace",
]
