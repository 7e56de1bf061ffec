"""All that a client can do: a module for each kind of thing. Each method is described once and is in both clients."""

from playhead.operations.events import Events
from playhead.operations.following import Following
from playhead.operations.jobs import Jobs
from playhead.operations.keys import Keys
from playhead.operations.server import Server
from playhead.operations.videos import Videos


class Operations(Videos, Jobs, Following, Events, Keys, Server):
    """One method for each thing that the server does."""
