"""Answers that go into a file, a piece at a time."""

import os
from typing import Any, BinaryIO

from playhead import answers
from playhead.calls import Ask, Flow, Piece
from playhead.files import OnBytes, incoming

Target = str | os.PathLike[str] | BinaryIO


def download(path: str, to: Target, on_progress: OnBytes | None = None, **params: Any) -> Flow[int]:
    """The number of bytes. A path appears only when all of it has come; an open file is written as it comes, and stays open."""
    answer = yield from Ask(method="GET", path=path, params=params, read=answers.whole, stream=True)
    total = answer.headers.get("Content-Length")
    received = 0
    with incoming(to) as target:
        while piece := (yield Piece(answer)):
            target.write(piece)
            received += len(piece)
            if on_progress:
                on_progress(received, None if total is None else int(total))
    return received
