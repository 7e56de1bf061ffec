"""The API as a process: `python -m services.api --host 127.0.0.1 --port 8000`."""

import argparse
import gc
import sys

import uvicorn

from core.configuration import read
from core.settings import Settings
from services.api.app import create_app
from services.api.server import DRAIN_S, configuration

SWITCH_S = 0.0005
"""How long a thread goes on while others wait: with Python's 5 ms, requests wait for each other's threads longer than for the database."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.api", description="Serve the API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--drain", type=int, default=DRAIN_S, help="seconds for requests under way once told to stop (default: %(default)s)"
    )
    arguments = parser.parse_args()
    settings = read(Settings)
    sys.setswitchinterval(SWITCH_S)
    app = create_app(settings)
    gc.freeze()  # what is there for good is not looked through for garbage: that would hold up all requests for a tenth of a second
    where = {"host": arguments.host, "port": arguments.port}
    uvicorn.Server(configuration(app, settings, drain_s=arguments.drain, **where)).run()


if __name__ == "__main__":
    main()
