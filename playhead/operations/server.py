"""The server itself: is it there, and are its parts?"""

from collections.abc import Mapping
from typing import Any

from playhead import answers
from playhead.calls import Ask
from playhead.described import call


class Server:
    @call
    def alive(self) -> Ask[Mapping[str, Any]]:
        """Raises ConnectionFailed where nobody answers."""
        return Ask(method="GET", path="/healthz", read=answers.json_of)

    @call
    def ready(self) -> Ask[Mapping[str, Any]]:
        """How each part does that the server needs. ApiError with the status 503 where one is away; it is asked once."""
        return Ask(method="GET", path="/readyz", tries=1, read=answers.json_of)
