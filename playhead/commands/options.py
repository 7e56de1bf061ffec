"""What is given on the command line, checked and turned into what the client takes."""

from typing import Any

import typer

from playhead.errors import TimecodeError
from playhead.timecodes import parse_timecode


def milliseconds(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_timecode(text)
    except TimecodeError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def event_type(text: str) -> dict[str, str]:
    """`id=description`, as the request has it."""
    name, equals, description = (part.strip() for part in text.partition("="))
    if not (name and equals and description):
        raise typer.BadParameter(
            f"{text!r} is not id=description. Say what it looks like: --type 'crossing=A person crosses the street'.", param_hint="--type"
        )
    return {"id": name, "description": description}


def without_none(**given: Any) -> dict[str, Any]:
    """What was not asked for is left to the server."""
    return {name: value for name, value in given.items() if value not in (None, {}, [])}
