"""What is given on the command line, checked and turned into what the client takes."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from playhead.errors import TimecodeError
from playhead.terminal import Session
from playhead.timecodes import parse_timecode
from playhead.types import Record

R = TypeVar("R", bound=Record)

Limit = Annotated[int, typer.Option(min=1, help="Most of them listed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, as the server sends it.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line, as the server sends it.")]


def listed(session: Session, found: Iterable[R], table: Callable[[Iterable[R]], Table], *, limit: int, as_json: bool, nothing: str) -> None:
    """The first so many of a list, as people or scripts like it."""
    shown = list(islice(found, limit))
    if as_json:
        for one in shown:
            session.json(one.raw)
    elif shown:
        session.show(table(shown))
    else:
        session.say(nothing)


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


Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="ID=DESCRIPTION", help="An event to look for, and what it looks like. May be given many times."),
]
Instructions = Annotated[str | None, typer.Option(help="What the model should know or mind besides.")]
Fps = Annotated[float | None, typer.Option(help="Frames looked at in a second of video.")]
AllFrames = Annotated[bool, typer.Option("--all-frames", help="Show the model also those frames that show nothing new. Costs more.")]
Analyzer = Annotated[str | None, typer.Option(help="auto, model, or signals (cuts, black, freezes, motion; needs no model).")]
Refine = Annotated[bool, typer.Option("--refine", help="Look a second time at each event: sharper, and confirmed or rejected.")]

Votes = Annotated[
    int | None,
    typer.Option(metavar="N", help="Ask each second look 1, 3 or 5 times: confidence is the share that saw it. Implies --refine."),
]
Budget = Annotated[
    float | None, typer.Option(metavar="DOLLARS", min=0, help="Make no call that could cost more in all; what is left is a gap.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Say the job's id, and leave.")]


def question(
    *,
    types: list[str] | None,
    instructions: str | None,
    fps: float | None,
    all_frames: bool,
    analyzer: str | None,
    refine: bool,
    votes: int | None,
    budget_usd: float | None = None,
) -> dict[str, Any]:
    """The request that the options make."""
    return without_none(
        analyzer=analyzer,
        event_types=[event_type(text) for text in types or ()],
        instructions=instructions,
        sampling=without_none(fps=fps, skip_static=False if all_frames else None),
        refine=refine or votes is not None or None,
        verify=without_none(votes=votes),
        budget_usd=budget_usd,
    )


def without_none(**given: Any) -> dict[str, Any]:
    """What was not asked for is left to the server."""
    return {name: value for name, value in given.items() if value not in (None, {}, [])}
