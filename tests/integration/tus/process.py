"""The API as a process that can be killed, and started again at once: a server that has imported everything forks it."""

import logging
import multiprocessing
import socket

import uvicorn

from core.settings import Settings
from services.api.app import create_app
from standalone.processes import free_port
from tests.polling import wait_until

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["services.api.app", "uvicorn.protocols.http.httptools_impl", __name__])


def serve(settings: Settings, port: int) -> None:
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_config=None, log_level=logging.CRITICAL)


class Api:
    def __init__(self, settings: Settings) -> None:
        self._settings, self._port = settings, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Return once it answers."""
        self._process = FORKS.Process(target=serve, args=(self._settings, self._port), daemon=True)
        self._process.start()
        wait_until(self._listens, "the API to start", timeout_s=60)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port)).close()
        except ConnectionRefusedError:
            return False
        return True
