"""`python -m standalone up` and `python -m standalone demo`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.configuration import read
from core.processes import die_with_parent
from core.settings import Settings
from standalone.demo import SAMPLE
from standalone.demo import demo as run_demo
from standalone.processes import CannotStart
from standalone.settings import StandaloneSettings
from standalone.up import up as run_up

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def options(
    with_parent: Annotated[bool, typer.Option("--with-parent", help="Stop when the process that started this one is gone.")] = False,
) -> None:
    """Run all of Playhead on this machine, without Docker. Settings: PLAYHEAD_PORT, PLAYHEAD_DATA_DIR."""
    if with_parent:
        die_with_parent(signal.SIGTERM)


@app.command()
def up() -> None:
    """Keep the stack running until Ctrl-C."""
    read(Settings)  # before anything is started for nothing
    run_up(read(StandaloneSettings))


@app.command()
def demo(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A video of your own.")] = SAMPLE,
) -> None:
    """Start the stack, analyse one video, show what happens in it and when, and stop."""
    raise typer.Exit(run_demo(read(StandaloneSettings), video, with_model=read(Settings).has_model))


def main() -> None:
    try:
        app(prog_name="python -m standalone")
    except CannotStart as error:
        sys.exit(f"Playhead can't start: {error}")
