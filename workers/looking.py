"""Second looks: which a job still needs, as rows; and the call for each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.errors import BadReply, BudgetSpent, PromptTooLarge
from core.request import JobRequest
from core.spans import Span
from db import windows
from db.models import Job, Video, Window
from workers.asking import Asking, Form, Frames
from workers.events.detection import MergedEvent
from workers.events.looks import ROUNDS, End, Look, Sight, Zone, looks
from workers.model.looks import Glimpse, elected, read
from workers.model.parts import whole
from workers.model.policy import how
from workers.model.prompt import LOOK_VERSION, look_messages
from workers.model.question import Question
from workers.model.schema import look_schema
from workers.runtime import Runtime
from workers.work import Heartbeat

LOOKS_A_SEGMENT = 24
TRIES = 2
"""How often a vote is asked for whose reply can't be used."""

FEWEST = 2
"""Frames that tell a boundary."""


def plan_looks(session: Session, job: Job, video: Video, events: Iterable[MergedEvent], looked_again: Sequence[Window]) -> list[UUID]:
    """Insert the segments of the next round of looks; none where there is nothing left to look at. Returns their ids."""
    if not job.request["refine"]:
        return []
    number, wanted = _next_round(
        list(events), list(sights(looked_again)), windows.asked(session, job.id), duration_ms=video.duration_ms or 0
    )
    place, seq = windows.next_places(session, job.id, pass_=number + 1)
    placed = [[place, *look.span, asdict(look)] for place, look in enumerate(wanted, start=place)]
    rows = [
        {
            "workspace_id": job.workspace_id,
            "job_id": job.id,
            "pass": number + 1,
            "seq": seq,
            "windows": placed[first : first + LOOKS_A_SEGMENT],
        }
        for seq, first in enumerate(range(0, len(placed), LOOKS_A_SEGMENT), start=seq)
    ]
    if not rows:
        return []
    job.stage = "refine"
    job.windows_total = (job.windows_total or 0) + len(wanted)
    return windows.add_segments(session, rows)


def _next_round(
    events: Sequence[MergedEvent], known: Sequence[Sight], asked: Iterable[tuple[int, dict[str, Any]]], *, duration_ms: int
) -> tuple[int, list[Look]]:
    """The first round of which a look has not been asked for, and those of it; none where that has been done for all. A job that is retried
    comes here with looks at some of its events, and needs them at others.
    """
    there = {(pass_ - 1, look_of(stored)) for pass_, stored in asked}
    for number in range(len(ROUNDS)):
        wanted = looks(number, events, (sight for sight in known if sight.round < number), duration_ms=duration_ms)
        if not wanted or (new := [look for look in wanted if (number, look) not in there]):
            return number, new if wanted else []
    return len(ROUNDS), []


def look_of(stored: dict[str, Any]) -> Look:
    """A look as `asdict` and JSON left it."""
    zones = tuple(Zone(End(end), Span(*span)) for end, span in stored["zones"])
    return Look(stored["key"], stored["type"], zones)


def sights(looked_again: Iterable[Window]) -> Iterator[Sight]:
    """What the looks of a job brought that are over; those without an answer too."""
    for window in looked_again:
        if window.look is not None and window.state in ("done", "failed"):
            told = window.detections[0] if window.state == "done" and window.detections else {"visible": None}
            yield Sight(look_of(window.look), window.pass_ - 1, window.id, **{"frame_pts_ms": (), **told})


def look(runtime: Runtime, work: Window, request: JobRequest, beat: Heartbeat) -> dict[str, Any]:
    """The members of the row of a second look, once the model has answered."""
    assert work.look is not None
    asked, question = look_of(work.look), Question.of(request)
    form = Form(lambda frames, span, _: look_messages(question, asked.type, frames, window=span, end=asked.end), look_schema(), how)
    asking = Asking(runtime, work, request, beat, form)
    glimpses, bad, error = _votes(asking, Span(work.start_ms, work.end_ms), votes=request.verify.votes)
    kept = {"raw_reply": asdict(replace(asking.record, bad=dict(bad))), "prompt_version": LOOK_VERSION}
    if not glimpses:
        return {"state": "failed", "error": error.as_dict() if error else None, **kept}
    seen = {"frame_pts_ms": [pts_ms for pts_ms, _ in asking.frames], **elected(glimpses)._asdict()}
    return {"state": "done", "detections": [seen], "error": None, **kept}


def _votes(asking: Asking, span: Span, *, votes: int) -> tuple[list[Glimpse], Counter[str], BadReply | BudgetSpent | PromptTooLarge | None]:
    glimpses: list[Glimpse] = []
    bad: Counter[str] = Counter()
    error: BadReply | BudgetSpent | PromptTooLarge | None = None
    frames, number = asking.frames, 0
    asking.frames = _even(frames, asking.at_most)
    while len(glimpses) < votes and sum(bad.values()) <= votes * (TRIES - 1):
        times = [pts_ms for pts_ms, _ in asking.frames]
        try:
            reply = asking(whole(times), number, going_on=())
            number += 1
            if reply.get("kind"):
                raise BadReply("The reply is longer than any that was asked for.", kind=reply["kind"])
            glimpses.append(read(reply["text"], finish_reason=reply["finish_reason"], frame_pts_ms=times, window=span))
        except BadReply as unread:
            error = unread
            bad[unread.kind] += 1
        except BudgetSpent as spent:
            error = spent
            break
        except PromptTooLarge as refused:
            error = refused
            if len(times) <= FEWEST:
                break
            asking.frames = _even(frames, len(times) // 2)
            number = 0
    return glimpses, bad, error


def _even(frames: Frames, at_most: int) -> Frames:
    """So many of the frames as may be shown, spread evenly, the first and the last among them."""
    count = max(min(at_most, len(frames)), min(FEWEST, len(frames)))
    if count == len(frames):
        return frames
    return [frames[round(place * (len(frames) - 1) / (count - 1))] for place in range(count)]
