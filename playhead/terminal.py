"""Where the command line writes: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from playhead.client import Client
from playhead.errors import ApiError
from playhead.render import printable

_WIDE = 100_000

NO_KEY = "Set PLAYHEAD_API_KEY to a key of this server; one started here with `make up` has written its key to var/api-key."


class Session:
    """What every command works with: the two outputs, and a client made when it is first needed."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    @cached_property
    def client(self) -> Client:
        return Client(self._url)

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    def show(self, result: RenderableType) -> None:
        """To a file or a pipe tables go without lines, as wide as they are."""
        if self.out.is_terminal:
            self.out.print(result)
            return
        if isinstance(result, Table):
            result.box = None
        with self.out.capture() as captured:
            self.out.print(result)
        self.out.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
        self.out.file.flush()

    def json(self, data: Mapping[str, Any]) -> None:
        """One object on one line, in ASCII."""
        print(json.dumps(data), file=self.out.file)

    def say(self, text: str, style: str = "") -> None:
        """After whatever was shown before, also where both outputs go into one pipe."""
        self.out.file.flush()
        self.err.print(Text(text, style))

    def fail(self, error: Exception, *, about: str | None = None) -> None:
        """What went wrong on one line; on the second what helps, or what to tell the server's operator."""
        text = printable(error)
        self.say(f"Error: {f'{printable(about)}: ' if about else ''}{text}", "red")
        if isinstance(error, ApiError):
            self.say(NO_KEY if error.status == 401 else f"({_reference(error, text)})", "dim")


def _console(stream: Any) -> Console:
    return Console(file=stream, width=None if stream.isatty() else _WIDE, markup=False, emoji=False, highlight=False)


def _reference(error: ApiError, text: str) -> str:
    """The code, the fields that the text does not name already, and what finds the request in the server's log."""
    fields = [f"field {name}" for item in error.errors if (name := str(item.get("field"))) not in text]
    return printable(", ".join([error.code, *fields, *([f"request {error.request_id}"] if error.request_id else [])]))
