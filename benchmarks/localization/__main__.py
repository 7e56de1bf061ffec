"""`python -m benchmarks.localization`: how exact the events are, and what they cost.

Makes a video with hundreds of marked events (some minutes), has the whole stack look at it with the tests' model server as the model, and
scores what comes out by the usual measures: F1 and mAP at tIoU 0.5, 0.7 and 0.9, the mean error of a boundary, duplicates, and the share
of true boundaries inside the stated uncertainty. Beside it, in the same run, on the same video and model: chunks of a minute without
overlap, replies taken as they come. Once with a model that tells the truth, once with one that errs as real ones do
(`tests.model_server.erring`, and 5% broken JSON, 2% loops, 3% refusals), once with one that errs as much in second
looks: by 3 s, and in a tenth of them about whether the event is there. Then a video that is still for 90% of its time, with and without
leaving out what shows nothing new. Exits with 1 when a target is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.localization import scripts, simple
from benchmarks.localization.score import THRESHOLDS, Drawn, Found, Score, as_found, score
from playhead import Client
from standalone.stack import stack
from tests.model_server.control import Control
from tests.model_server.misbehaving import errs, loop, of_kind, status
from tests.model_server.running import ModelServer, start

KINDS = [f"mark_{kind}" for kind in range(scripts.KINDS)]
REQUEST = {"event_types": [{"id": kind, "description": "it is shown"} for kind in KINDS]}
HEAD = ("model", "way", "found", *(f"F1@{at}" for at in THRESHOLDS), *(f"mAP@{at}" for at in THRESHOLDS), "error s", "duplicates", "inside")


def err(control: Control, *, hard: bool = False) -> None:
    control.honest()
    control.always(errs(hard=hard))
    control.chance((0.05, of_kind("broken")), (0.02, loop()), (0.015, status(429)), (0.015, status(503)))


Look = Callable[[], tuple[list[Found], str]]


class Run(NamedTuple):
    score: Score
    tokens: int
    usd: float
    status: str
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3, help="length of the video")
    parser.add_argument("--events", type=int, default=320, help="how many are drawn into it")
    parser.add_argument("--folder", type=Path, help="where the video is kept for the next run")
    asked = parser.parse_args()
    events = scripts.drawn(hours=asked.hours, events=asked.events)
    with tempfile.TemporaryDirectory() as scratch, start() as model, client_of(Path(scratch), model) as client:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        video = folder / f"{asked.hours:g}h-{asked.events}.mp4"
        if not video.exists():
            print(f"Making {video.name} ...", file=sys.stderr, flush=True)
            scripts.make(video, events, hours=asked.hours)
        print(f"{asked.hours:g} hours, {len(events)} events\n\n| {' | '.join((*HEAD, 'tokens', 'dollars', 'ends', 'wall s'))} |")
        print("|---" * (len(HEAD) + 4) + "|", flush=True)
        runs = dict(measured(video, events, model, client))
        stills = dict(measured_still(folder, asked.hours / 3, model, client))
    missed = [what for what, is_met in (*targets(runs), *still_targets(stills)) if not is_met]
    print("\n" + ("\n".join(f"MISSED: {what}" for what in missed) or "All targets are met."))
    sys.exit(bool(missed))


@contextmanager
def client_of(folder: Path, model: ModelServer) -> Iterator[Client]:
    environment = {"PLAYHEAD_MODEL_URL": model.url, "PLAYHEAD_MODEL_API_KEY": model.key, "PLAYHEAD_MODEL_BACKOFF": "0.5"}
    with stack(folder / "stack", environment=environment) as running, Client(running.url, running.api_key) as client:
        yield client


def playhead(client: Client, video: Path, **asked: object) -> tuple[list[Found], str]:
    uploaded = client.upload(video, request={**REQUEST, **asked})
    job = client.wait(uploaded.job.id, timeout=3600)
    found = [as_found(event, kind=event.type) for event in client.events(uploaded.video.id)]
    client.delete_video(uploaded.video.id)
    return found, job.status


def timed(look: Look, events: list[Drawn], model: ModelServer, behave: Callable[[], None]) -> Run:
    behave()
    model.control.clear()
    began = time.monotonic()
    found, status = look()
    log = [call.get("usage") or {} for call in model.control.log()]
    tokens = sum(usage.get("total_tokens", 0) for usage in log)
    return Run(score(events, found), tokens, model.control.cost_usd(), status, time.monotonic() - began)


def measured(video: Path, events: list[Drawn], model: ModelServer, client: Client) -> Iterator[tuple[tuple[str, str], Run]]:
    ways: dict[str, Look] = {
        "playhead": lambda: playhead(client, video),
        "playhead, refine": lambda: playhead(client, video, refine=True),
        "playhead, refine, 3 votes": lambda: playhead(client, video, refine=True, verify={"votes": 3}),
        "simple chunks": lambda: (simple.found(video, url=model.url, key=model.key, kinds=KINDS), "-"),
    }
    models: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
        "truthful": (model.control.honest, ("playhead", "playhead, refine", "simple chunks")),
        "errs": (lambda: err(model.control), ("playhead", "playhead, refine", "simple chunks")),
        "errs in looks too": (lambda: err(model.control, hard=True), ("playhead, refine", "playhead, refine, 3 votes")),
    }
    for name, (behave, tried) in models.items():
        for way in tried:
            run = timed(ways[way], events, model, behave)
            print(row(name, way, run), flush=True)
            yield (name, way), run


def measured_still(folder: Path, hours: float, model: ModelServer, client: Client) -> Iterator[tuple[bool, Run]]:
    events, still = scripts.mostly_still(hours=hours, share=0.9, visits=max(round(3 * hours), 1))
    video = folder / f"still-{hours:g}h.mp4"
    if not video.exists():
        scripts.make(video, events, hours=hours, still=still)
    for skips in (False, True):
        asked = partial(playhead, client, video, sampling={"skip_static": skips})
        run = timed(asked, events, model, model.control.honest)
        print(row("truthful", "still video, whole" if not skips else "still video, skip_static", run), flush=True)
        yield skips, run


def row(model: str, way: str, run: Run) -> str:
    told = run.score
    numbers = [*(f"{told.f1[at]:.3f}" for at in THRESHOLDS), *(f"{told.mean_ap[at]:.3f}" for at in THRESHOLDS), f"{told.error_s:.2f}"]
    inside = "-" if told.inside is None else f"{told.inside:.3f}"
    rest = [str(told.duplicates), inside, f"{run.tokens:,}", f"{run.usd:.4f}", run.status, f"{run.wall_s:.0f}"]
    return "| " + " | ".join([model, way, str(told.found), *numbers, *rest]) + " |"


def still_targets(runs: dict[bool, Run]) -> Iterator[tuple[str, bool]]:
    whole, skipped = runs[False], runs[True]
    yield "skip_static: five times cheaper", 5 * skipped.usd <= whole.usd
    yield "skip_static: the same events", skipped.score == whole.score and whole.score.f1[0.5] == 1


def targets(runs: dict[tuple[str, str], Run]) -> Iterator[tuple[str, bool]]:
    plain, refined = runs["truthful", "playhead"], runs["truthful", "playhead, refine"]
    erring, naive = runs["errs", "playhead, refine"], runs["errs", "simple chunks"]
    yield "truthful: F1 at 0.5 is 1", plain.score.f1[0.5] == refined.score.f1[0.5] == 1
    yield "truthful, refine: F1 at 0.9 is 0.97 or more", refined.score.f1[0.9] >= 0.97
    yield "truthful: no duplicates", plain.score.duplicates == refined.score.duplicates == 0
    yield "truthful: 99% of boundaries inside what is stated", min(plain.score.inside or 0, refined.score.inside or 0) >= 0.99
    yield "refine costs at most 0.4 more", refined.usd <= 1.4 * plain.usd
    yield "errs: F1 at 0.5 is 0.90 or more", erring.score.f1[0.5] >= 0.90
    yield "errs: F1 at 0.7 is 0.80 or more", erring.score.f1[0.7] >= 0.80
    yield "errs: 0.25 above the simple way at 0.5 and 0.7", all(erring.score.f1[at] >= naive.score.f1[at] + 0.25 for at in (0.5, 0.7))
    yield "every job ends, and says whether it is whole", {run.status for run in runs.values()} <= {"succeeded", "partial", "-"}


if __name__ == "__main__":
    main()
