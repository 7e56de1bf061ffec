"""The command line."""

import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated

import typer

from playhead.commands.analyze import analyze
from playhead.commands.ask import ask
from playhead.commands.estimate import estimate
from playhead.commands.events import event, events
from playhead.commands.exports import download, export, frame, storyboard, timeline
from playhead.commands.follow import follow
from playhead.commands.jobs import cancel, diff, jobs, retry
from playhead.commands.keys import keys, me
from playhead.commands.server import alive, ready
from playhead.commands.uploads import uploads
from playhead.commands.videos import delete, videos
from playhead.commands.webhooks import webhooks
from playhead.errors import PlayheadError
from playhead.terminal import Session
from playhead.version import __version__


def _examples(*lines: str) -> str:
    """A paragraph for each, since single line breaks don't last in every version of typer."""
    return "\n\n".join(("Examples:", *lines))


FIRST_STEPS = _examples(
    "playhead analyze street.mp4",
    "playhead analyze street.mp4 --type 'crossing=A person crosses the street'",
    "playhead events VIDEO --at 1:03.2",
)
ANALYZE = _examples(
    "playhead analyze street.mp4",
    "playhead analyze street.mp4 --type 'crossing=A person crosses the street'",
    "playhead analyze street.mp4 --analyzer signals",
    "playhead analyze street.mp4 --budget 0.25",
    "playhead analyze https://example.com/street.mp4",
    "playhead analyze *.mp4 --json | jq .job.status",
)
ASK = _examples(
    "playhead ask VIDEO --type 'crossing=A person crosses the street' --refine",
    "playhead ask VIDEO --votes 3 --budget 0.25",
    "playhead diff JOB OTHER",
)
ESTIMATE = _examples(
    "playhead estimate VIDEO",
    "playhead estimate VIDEO --fps 2 --refine",
)
EVENTS = _examples(
    "playhead events VIDEO --at 1:03.2",
    "playhead events VIDEO --from 1:00 --to 2:00 --type crossing",
    "playhead events --text 'red car' --json | jq .start_ms",
)
FOLLOW = _examples(
    "playhead follow JOB",
    "playhead follow JOB --json | jq -c 'select(.kind == \"event\") | .data'",
)
EXPORT = _examples(
    "playhead export VIDEO vtt -o street.vtt",
    "playhead export VIDEO csv --type crossing | head",
    "playhead export VIDEO edl --frame-rate 29.97 -o street.edl",
)
RETRY = _examples(
    "playhead retry JOB --wait",
    "playhead retry JOB --budget 0.50",
)

# Pretty tracebacks could show the API key.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: dict[str, dict[Callable[..., None], str | None]] = {
    "Ask": {analyze: ANALYZE, ask: ASK, estimate: ESTIMATE},
    "Look": {events: EVENTS, event: None, timeline: None, export: EXPORT, storyboard: None, frame: None, download: None, diff: None},
    "Keep going": {jobs: None, follow: FOLLOW, cancel: None, retry: RETRY},
    "Keep house": {videos: None, delete: None, me: None, alive: None, ready: None},
}
for panel, commands in _COMMANDS.items():
    for command, examples in commands.items():
        app.command(epilog=examples, rich_help_panel=panel)(command)
app.add_typer(keys, name="keys", rich_help_panel="Keep house")
app.add_typer(uploads, name="uploads", rich_help_panel="Keep house")
app.add_typer(webhooks, name="webhooks", rich_help_panel="Keep house")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"playhead {__version__}")
        raise typer.Exit


@app.callback(epilog=FIRST_STEPS)
def playhead(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the server is; else PLAYHEAD_URL, else http://127.0.0.1:8000.")
    ] = None,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and leave.")] = False,
) -> None:
    """Ask a Playhead server what happens in a video, and when.

    The key comes from PLAYHEAD_API_KEY; for a server on this machine var/api-key is found by itself.
    """
    session = Session(url)
    ctx.obj = session
    ctx.call_on_close(session.close)


def main() -> None:
    """What goes wrong is told in a line or two, with exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a character that the terminal can't write is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="playhead")
    except (PlayheadError, OSError) as error:
        Session(None).fail(error)
        sys.exit(1)
