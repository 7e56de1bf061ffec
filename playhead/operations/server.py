"""The server itself: is it there, and are its parts?"""

from collections.abc import Mapping
from typing import Any

from playhead import answers
from playhead.calls import Ask
from playhead.described import call
from playhead.types import Readiness


class Server:
    @call
    def alive(self) -> Ask[Mapping[str, Any]]:
        """Raises ConnectionFailed where nobody answers."""
        return Ask(method="GET", path="/healthz", read=answers.json_of)

    @call
    def ready(self) -> Ask[Readiness]:
        """How the server's parts do. ApiError with the status 503 where nothing can be taken in or answered. It is asked once."""
        return Ask(method="GET", path="/readyz", tries=1, read=answers.record(Readiness))
