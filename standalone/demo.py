"""`demo`: the main thing from start to end, on a clip that comes with the project."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from playhead import Client, Job, PlayheadError, format_timecode
from playhead.bars import sending, working
from playhead.render import NO_EVENTS, events_table, job_notes, job_summary
from playhead.terminal import Session
from standalone.settings import DEFAULT_DATA_DIR, DEFAULT_PORT, StandaloneSettings
from standalone.stack import Stack, stack
from standalone.stopping import listen

SAMPLE = Path(__file__).parent.parent / "samples" / "bikes.mp4"
INTERRUPTED = 130

WITHOUT_MODEL = "No model key is set (OPENROUTER_API_KEY): the signals analyser looks for cuts, black, freezes and motion."


def demo(settings: StandaloneSettings, video: Path, *, with_model: bool) -> int:
    """The exit code: 0 where the job came to its end, 1 where it failed, 130 after a signal."""
    terminal = Session(None)

    def interrupted(_number: int, _frame: object) -> NoReturn:
        terminal.say("Stopping ...")
        raise KeyboardInterrupt

    try:
        listen(interrupted)
        terminal.say(f"Starting Postgres, Valkey, the API and the workers on {settings.data_dir} ...")
        with stack(settings.data_dir) as running:
            listen(signal.default_int_handler)
            if not with_model:
                terminal.say(WITHOUT_MODEL)
            try:
                return analyse(running, video, settings, terminal)
            finally:
                terminal.say("Stopping ...")
    except KeyboardInterrupt:
        return INTERRUPTED


def analyse(running: Stack, video: Path, settings: StandaloneSettings, terminal: Session) -> int:
    """Upload a video, show the events and how to ask for them again; the exit code."""
    with Client(running.url, running.api_key) as client:
        try:
            with sending(terminal.err, video.name) as on_bytes:
                upload = client.upload(video, title=video.name, on_progress=on_bytes)
            with _progress(terminal, video.name) as on_progress:
                job = client.wait(upload.job.id, on_progress=on_progress)
            events = list(client.events(upload.video.id, job_id=job.id))
        except PlayheadError as error:
            terminal.fail(error, about=video.name)
            return 1
    terminal.show(events_table(events) if events else NO_EVENTS)
    terminal.show(job_summary(job, events=len(events)))
    for note in job_notes(job):
        terminal.show(note)
    if job.status not in ("succeeded", "partial"):
        return 1
    print(how_to_ask(settings, upload.video.id, at_ms=events[0].start_ms if events else 0), flush=True)  # and no line broken
    return 0


def how_to_ask(settings: StandaloneSettings, video_id: str, *, at_ms: int) -> str:
    """Commands that work as they are: with what differs from the defaults in them."""
    port = settings.port or DEFAULT_PORT
    url, key = f"http://127.0.0.1:{port}", shlex.quote(str(settings.data_dir / "api-key"))
    moved = "" if settings.data_dir == DEFAULT_DATA_DIR else f"PLAYHEAD_DATA_DIR={shlex.quote(str(settings.data_dir))} "
    up = "" if settings.port == DEFAULT_PORT else f"PLAYHEAD_PORT={port} "
    there = "" if port == DEFAULT_PORT else f" --url {url}"
    return f"""
Keep it running, with these events in it:
  {moved}{up}make up
and ask from a second terminal, by the command line or by curl (all of the API: {url}/docs):
  {moved}.venv/bin/playhead{there} events {video_id} --at {format_timecode(at_ms)}
  curl -H "Authorization: Bearer $(cat {key})" "{url}/v1/videos/{video_id}/events?at_ms={at_ms}"
"""


@contextmanager
def _progress(terminal: Session, name: str) -> Iterator[Callable[[Job], None]]:
    """A bar; where there is no terminal, a line for each stage."""
    stages: set[str | None] = set()

    def tell(job: Job) -> None:
        bar(job)
        if not terminal.err.is_terminal and job.stage not in stages:
            stages.add(job.stage)
            terminal.say(f"{job.status}: {job.stage}")

    with working(terminal.err, name) as bar:
        yield tell
