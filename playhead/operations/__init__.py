"""All that a client can do: a module for each kind of thing. Each method is described once and is in both clients."""

from playhead.operations.events import Events
from playhead.operations.exports import Exports
from playhead.operations.following import Following
from playhead.operations.jobs import Jobs
from playhead.operations.keys import Keys
from playhead.operations.server import Server
from playhead.operations.uploads import Uploads
from playhead.operations.videos import Videos
from playhead.operations.webhooks import Webhooks


class Operations(Videos, Uploads, Jobs, Following, Events, Exports, Webhooks, Keys, Server):
    """One method for each thing that the server does."""
