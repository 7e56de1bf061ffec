"""A model server for tests: the protocol of the real ones over real HTTP, and eyes. It reads the marks (`tests.marks`) in the pictures that
it is sent and answers from what it sees there; it can be told to misbehave in every way that real ones do.

In a test: `with start() as server: ...`; by hand: `python -m tests.model_server --port 9000`.
"""

from tests.model_server.control import Control
from tests.model_server.running import KEY, ModelServer, start

__all__ = ["KEY", "Control", "ModelServer", "start"]
