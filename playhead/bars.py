"""Progress bars on a terminal; elsewhere nothing is drawn."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from playhead.files import OnBytes
from playhead.render import printable, size, warned
from playhead.types import Job


@contextmanager
def moving(console: Console, doing: str, name: str) -> Iterator[OnBytes]:
    """`doing`: Sending, or Receiving."""
    with _progress(console, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bars:
        bar = bars.add_task(f"{doing} {printable(name)}", total=None)
        yield lambda moved, total: bars.update(bar, completed=moved, total=total)


def sending(console: Console, name: str) -> AbstractContextManager[OnBytes]:
    return moving(console, "Sending", name)


def receiving(console: Console, name: str) -> AbstractContextManager[OnBytes]:
    return moving(console, "Receiving", name)


@contextmanager
def working(console: Console, name: str) -> Iterator[Callable[[Job], None]]:
    """Gives what to call with the job as it goes on. Warnings are written as they come, each once, also where there is no terminal."""
    told: set[str | None] = set()
    with _progress(console, TaskProgressColumn(), TimeElapsedColumn()) as bars:
        bar = bars.add_task(printable(name), total=100)

        def show(job: Job) -> None:
            bars.update(bar, completed=job.progress.percent, description=printable(f"{name}: {_doing(job)}"))
            for warning in job.warnings:
                if warning.code not in told:
                    told.add(warning.code)
                    console.print(warned(warning))

        yield show


def _doing(job: Job) -> str:
    if job.stage == "fetch" and job.progress.bytes_done is not None:
        total = "" if job.progress.bytes_total is None else f" of {size(job.progress.bytes_total)}"
        return f"fetch, {size(job.progress.bytes_done)}{total}"
    windows = f", {job.progress.windows_done} of {job.progress.windows_total} windows" if job.progress.windows_total else ""
    return f"{job.stage if job.status == 'processing' and job.stage else job.status}{windows}"


def _progress(console: Console, *columns: ProgressColumn) -> Progress:
    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(), *columns, console=console, transient=True, disable=not console.is_terminal)
