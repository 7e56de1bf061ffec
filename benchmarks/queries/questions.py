"""What is asked: each query that the API documents, with arguments drawn from what is there."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks.queries.filling import WORDS, word
from db.filters import Filter, Sort
from db.pages import encode

SAMPLE = 5000
SECOND, MINUTE = 1000, 60_000


@dataclass(frozen=True, slots=True)
class Known:
    """An event that is there. Large workspaces and videos have many, and so are asked more often."""

    id: UUID
    workspace_id: UUID
    video_id: UUID
    job_id: UUID
    type: str
    start_ms: int
    confidence: float | None
    recorded: datetime | None


@dataclass(frozen=True, slots=True)
class Question:
    """What `db.events.page` takes."""

    wanted: Filter
    sort: Sort = "start_ms"
    cursor: str | None = None


Draw = Callable[[random.Random, Known, Filter], Question]


def known(engine: Engine) -> list[Known]:
    """Events at random."""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        share = min(100.0, 300 * SAMPLE / connection.execute(text("SELECT reltuples FROM pg_class WHERE relname = 'events'")).scalar_one())
        rows = connection.execute(
            text(
                "SELECT id, workspace_id, video_id, job_id, type, start_ms, confidence, lower(recorded)"
                f" FROM events TABLESAMPLE BERNOULLI ({share}) REPEATABLE (1) ORDER BY random() LIMIT {SAMPLE}"
            )
        )
        return [Known(*row) for row in rows]


def _range(chance: random.Random, event: Known) -> dict[str, int]:
    start_ms = max(0, event.start_ms - chance.randrange(5 * SECOND))
    return {"from_ms": start_ms, "to_ms": start_ms + chance.choice((SECOND, 10 * SECOND, MINUTE, 10 * MINUTE))}


def _clock(chance: random.Random, event: Known) -> dict[str, Any]:
    start = (event.recorded or datetime(2026, 6, 1).astimezone()) - timedelta(seconds=chance.randrange(60))
    return {"recorded_from": start, "recorded_to": start + timedelta(minutes=chance.choice((1, 10, 60, 600)))}


def _ranked(chance: random.Random, low: float, high: float) -> str:
    """A word between two ranks of frequency; nearer to the first as often as to the last, on a logarithmic scale."""
    return word(int(low * (high / low) ** chance.random()) - 1)


def _deep(event: Known, sort: Sort) -> str:
    return encode(sort, [event.confidence if sort == "-confidence" else event.start_ms, str(event.id)])


def _with(**more: Callable[[random.Random, Known], Any]) -> Draw:
    return lambda chance, event, of: Question(replace(of, **{name: draw(chance, event) for name, draw in more.items()}))


def _spread(draw: Callable[[random.Random, Known], Mapping[str, Any]], **fixed: Any) -> Draw:
    return lambda chance, event, of: Question(replace(of, **draw(chance, event), **fixed))


def _paged(sort: Sort, *, deep: bool) -> Draw:
    return lambda _, event, of: Question(of, sort, _deep(event, sort) if deep else None)


QUESTIONS: dict[str, Draw] = {
    "first page": _paged("start_ms", deep=False),
    "next page at depth": _paged("start_ms", deep=True),
    "backwards, at depth": _paged("-start_ms", deep=True),
    "by confidence": _paged("-confidence", deep=False),
    "by confidence, at depth": _paged("-confidence", deep=True),
    "at": _with(at_ms=lambda _, event: event.start_ms),
    "range, overlaps": _spread(_range),
    "range, within": _spread(_range, match="within"),
    "range, starts": _spread(_range, match="starts"),
    "wall clock": _spread(_clock),
    "type, any": _with(types=lambda _, event: (event.type,)),
    "type, the rarest": _with(types=lambda *_: ("type_59",)),
    "three types": _with(types=lambda chance, event: (event.type, "type_59", f"type_{chance.randrange(60)}")),
    "text, a frequent word": _with(text=lambda chance, _: _ranked(chance, 1, 20)),
    "text, a middling word": _with(text=lambda chance, _: _ranked(chance, 20, 2000)),
    "text, a rare word": _with(text=lambda chance, _: _ranked(chance, 2000, WORDS)),
    "text, two words": _with(text=lambda chance, _: f"{_ranked(chance, 1, 200)} {_ranked(chance, 1, 2000)}"),
    "min_confidence": _with(min_confidence=lambda chance, _: chance.choice((0.5, 0.9, 0.99, 1.0))),
    "rejected": _with(verification=lambda *_: ("rejected",)),
    "of a job": _with(job_id=lambda _, event: event.job_id),
    "type in a range": lambda chance, event, of: Question(replace(of, types=(event.type,), **_range(chance, event))),
    "text in a range": lambda chance, event, of: Question(replace(of, text=_ranked(chance, 1, 2000), **_range(chance, event))),
    "type and text": lambda chance, event, of: Question(replace(of, types=(event.type,), text=_ranked(chance, 1, 2000))),
    "type and min_confidence, at depth": lambda _, event, of: Question(
        replace(of, types=(event.type,), min_confidence=0.9), "start_ms", _deep(event, "start_ms")
    ),
}
"""Each is asked of one video, and of a workspace."""


def of_video(event: Known) -> Filter:
    return Filter(workspace_id=event.workspace_id, video_id=event.video_id)


def of_workspace(event: Known) -> Filter:
    return Filter(workspace_id=event.workspace_id)


def drawn(draw: Draw, whose: Callable[[Known], Filter], events: Sequence[Known], times: int) -> list[Question]:
    """The same ones in each run over the same events."""
    chance = random.Random(1)
    return [draw(chance, event, whose(event)) for event in chance.choices(events, k=times)]
