"""`python -m benchmarks.live ANNOTATIONS VIDEOS`: how exact a real model is with Playhead, on videos that people have annotated.

ANNOTATIONS is a file of QVHighlights, Charades-STA or ActivityNet Captions as it is published, VIDEOS a folder with the videos, under the
names that the annotations use (`bP5KfdFJzC4_660.0_810.0.mp4`). Videos that are not there are left out, and counted. Starts a stack of its
own with the settings in the environment, so set OPENROUTER_API_KEY, or PLAYHEAD_MODEL_URL for a server of your own.

--dry-run asks the model nothing: it reads everything, uploads each video and says what the run would cost.

Scores are those of `benchmarks.localization`, and R1: the share of queries whose surest event has at least that tIoU with a true one.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.live.annotations import Moment, read
from benchmarks.localization.score import THRESHOLDS, Drawn, Found, as_found, recall_at_1, score
from playhead import Client
from standalone.stack import stack

MOST_TYPES = 50
SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov")
FREE = {"analyzer": "signals"}
NO_NAME = re.compile(r"[^a-z0-9]+")


class Clip(NamedTuple):
    path: Path
    moments: Sequence[Moment]


class Outcome(NamedTuple):
    """Of one video. Kinds are `VIDEO: QUERY`, so that outcomes of many can be put together."""

    drawn: list[Drawn]
    found: list[Found]
    tokens: int
    usd: float
    statuses: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help="the annotations' file")
    parser.add_argument("videos", type=Path, help="the folder with the videos")
    parser.add_argument("--dry-run", action="store_true", help="ask the model nothing; say what it would cost")
    parser.add_argument("--limit", type=int, help="how many videos at the most")
    parser.add_argument("--refine", action="store_true", help="look at each boundary again")
    parser.add_argument("--budget", type=float, default=1.0, help="dollars for all of it (default: %(default)s)")
    asked = parser.parse_args()
    try:
        annotated = read(asked.annotations)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    clips = list(islice(clips_in(asked.videos, annotated), asked.limit))
    if not clips:
        named = f"{next(iter(annotated))}.mp4"
        parser.error(f"None of the {len(annotated)} annotated videos is in {asked.videos}; they are named like {named}.")
    print(f"{len(clips)} of {len(annotated)} annotated videos, {sum(len(clip.moments) for clip in clips)} moments to find.")
    has_model = bool(os.environ.keys() & {"OPENROUTER_API_KEY", "PLAYHEAD_MODEL_API_KEY", "PLAYHEAD_MODEL_URL"})
    if not (asked.dry_run or has_model):
        parser.error("no model: set OPENROUTER_API_KEY, or PLAYHEAD_MODEL_URL for a server of your own; or see with --dry-run.")
    request = {"refine": asked.refine}
    # Without a key there is nothing to estimate; nobody uses this one.
    environment = {} if has_model else {"PLAYHEAD_MODEL_API_KEY": "dry-run"}
    with (
        tempfile.TemporaryDirectory() as scratch,
        stack(Path(scratch), environment=environment) as running,
        Client(running.url, running.api_key) as client,
    ):
        if asked.dry_run:
            print(f"It would cost about ${sum(estimated(client, clips, request)):.4f}.")
        else:
            report(list(outcomes(client, clips, request, budget_usd=asked.budget)), clips)


def clips_in(folder: Path, annotated: Mapping[str, Sequence[Moment]]) -> Iterator[Clip]:
    for video, moments in annotated.items():
        path = next((path for suffix in SUFFIXES if (path := folder / f"{video}{suffix}").is_file()), None)
        if path:
            yield Clip(path, moments)


def questions(clip: Clip) -> Iterator[tuple[dict[str, Moment], dict[str, Any]]]:
    """One for every so many moments, as many as one job takes: the moments by the type's id, and the request for them."""
    for first in range(0, len(clip.moments), MOST_TYPES):
        by_id: dict[str, Moment] = {}
        for moment in clip.moments[first : first + MOST_TYPES]:
            name = NO_NAME.sub("_", moment.query.lower()).strip("_")[:56] or "moment"
            by_id[name if name not in by_id else f"{name}_{len(by_id)}"] = moment
        yield by_id, {"event_types": [{"id": name, "description": moment.query[:1000]} for name, moment in by_id.items()]}


def estimated(client: Client, clips: Sequence[Clip], request: Mapping[str, Any]) -> Iterator[float]:
    """Dollars for each question, as expected."""
    for clip in clips:
        uploaded = client.upload(clip.path, request=FREE)
        client.wait(uploaded.job.id)
        for _, types in questions(clip):
            yield client.estimate(uploaded.video.id, {**request, "analyzer": "model", **types}).expected_usd or 0.0
        client.delete_video(uploaded.video.id)


def outcomes(client: Client, clips: Sequence[Clip], request: Mapping[str, Any], *, budget_usd: float) -> Iterator[Outcome]:
    """Until the budget is spent: a video that it did not reach is no outcome."""
    for number, clip in enumerate(clips, start=1):
        if budget_usd <= 0:
            print(f"The budget is spent; {len(clips) - number + 1} videos were not looked at.", file=sys.stderr)
            return
        outcome = asked_of(client, clip, request, budget_usd=budget_usd)
        budget_usd -= outcome.usd
        print(f"{number}/{len(clips)} {clip.path.name}: {', '.join(outcome.statuses)}, ${outcome.usd:.4f}", file=sys.stderr, flush=True)
        yield outcome


def asked_of(client: Client, clip: Clip, request: Mapping[str, Any], *, budget_usd: float) -> Outcome:
    uploaded = client.upload(clip.path, request=FREE)
    outcome = Outcome([], [], 0, 0.0, [])
    for by_id, types in questions(clip):
        asked = {**request, "analyzer": "model", "budget_usd": max(budget_usd - outcome.usd, 0), **types}
        job = client.wait(client.create_job(uploaded.video.id, asked).id)
        found = client.events(uploaded.video.id, job_id=job.id)
        kinds = {name: f"{moment.video}: {moment.query}" for name, moment in by_id.items()}
        outcome = Outcome(
            outcome.drawn + [Drawn(kinds[name], *span) for name, moment in by_id.items() for span in moment.spans],
            outcome.found + [as_found(event, kind=kinds[event.type]) for event in found],
            outcome.tokens + job.usage.input_tokens + job.usage.output_tokens,
            outcome.usd + (job.usage.cost_usd or 0.0),
            [*outcome.statuses, job.status],
        )
    client.delete_video(uploaded.video.id)
    return outcome


def report(told: Sequence[Outcome], clips: Sequence[Clip]) -> None:
    drawn, found = [one for each in told for one in each.drawn], [one for each in told for one in each.found]
    result = score(drawn, found)
    print(f"\n{len(told)} of {len(clips)} videos: {len(drawn)} true spans, {result.found} events\n")
    print("| tIoU | F1 | mAP | R1 |\n|---|---|---|---|")
    for at in THRESHOLDS:
        print(f"| {at} | {result.f1[at]:.3f} | {result.mean_ap[at]:.3f} | {recall_at_1(drawn, found, threshold=at):.3f} |")
    inside = "-" if result.inside is None else f"{result.inside:.0%}"
    print(f"\nmean error of a boundary {result.error_s:.2f} s, {inside} inside what is stated, {result.duplicates} duplicates")
    print(f"{sum(each.tokens for each in told):,} tokens, ${sum(each.usd for each in told):.4f}")


if __name__ == "__main__":
    main()
