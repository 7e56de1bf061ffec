"""Whatever is asked of events, in whatever order and however many at a time: all that match are found, and nothing else."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from core.settings import Settings
from db import events, words
from db.filters import Filter, Match, Sort
from db.indexing import SLICES
from db.models import Event, EventRow, Job, Video, Window
from db.session import Sessions
from tests.integration import rows

MATCHES: tuple[Match, ...] = ("overlaps", "within", "starts")
SAID = (
    "car",
    "red",
    "blue",
    "don't",
    "O'Brien's",
    "back\\slash",
    "well-known",
    "http://a.example/x?y=z",
    "a@b.example",
    "4.5",
    "größe",
    "猫",
)
QUERIES = (
    "red car",
    '"red car"',
    "car or blue",
    "car -red",
    "-car",
    "the",
    "!",
    "'",
    "\\",
    "a <-> b",
    "nowhere",
    "red nowhere",
    "猫 or -猫",
)
STATES = ("unverified", "confirmed", "rejected")


@dataclass(frozen=True)
class World:
    """Jobs of three videos, two of one workspace and one of another; the last was recorded nobody knows when."""

    sessions: Sessions
    jobs: list[Job]
    videos: dict[UUID, Video]
    events: list[EventRow]

    def has_words(self, text: str) -> set[UUID]:
        """By no index."""
        with self.sessions.begin() as session:
            return set(session.scalars(select(Event.id).where(Event.search.op("@@")(func.websearch_to_tsquery("english", text)))))

    def answer(self, wanted: Filter, sort: Sort) -> list[UUID]:
        has_words = None if wanted.text is None else self.has_words(wanted.text)
        found = [event for event in self.events if matches(event, wanted) and (has_words is None or event.id in has_words)]
        return [event.id for event in sorted(found, key=lambda event: place(event, sort))]

    def pages(self, wanted: Filter, sort: Sort, limit: int) -> Iterator[list[UUID]]:
        cursor = None
        while True:
            with self.sessions.look() as connection:
                page = events.page(connection, wanted, sort=sort, limit=limit, cursor=cursor)
            yield [row.id for row in page.rows]
            if (cursor := page.next_cursor) is None:
                return


@pytest.fixture
def world(sessions: Sessions, settings: Settings) -> World:
    chance = random.Random(1)
    ours, theirs = (rows.workspace(sessions) for _ in range(2))
    videos = [rows.video(sessions, ours), rows.video(sessions, ours), rows.video(sessions, theirs, recorded_at=None)]
    jobs: list[Job] = []
    found: list[EventRow] = []
    for video in (*videos, videos[0]):
        job, _ = rows.job(sessions, video, settings)
        [window] = rows.planned(sessions, job, spans=[(0, 60_000)])
        with sessions.begin() as session:
            events.become(session, job.id, [drawn(chance, window, video, number) for number in range(90)], provisional=False)
            found += session.execute(select(*Event.__table__.columns).where(Event.job_id == job.id))
        jobs.append(job)
    return World(sessions, jobs, {video.id: video for video in videos}, found)


def drawn(chance: random.Random, window: Window, video: Video, number: int) -> dict[str, Any]:
    """One that begins in any slice, or just where one does, and lasts for a moment or for hours."""
    start_ms = chance.choice((*SLICES, 0, int(2 ** (28 * chance.random()))))
    length_ms = chance.choice((1, 1000, 1001, int(2 ** (26 * chance.random()))))
    text = " ".join(chance.choices(SAID, k=4))
    sure = chance.choice((None, 0.2, 0.5, 0.5, 0.9))
    kind, state = chance.choice(("car", "dog")), chance.choice(STATES)
    values: dict[str, Any] = {"type": kind, "description": text, "confidence": sure, "verification": {"status": state, "reason": None}}
    return rows.event(window, video, f"event {number}", start_ms, start_ms + length_ms, **values)


def place(event: EventRow, sort: Sort) -> tuple[float, UUID]:
    if sort == "-confidence":
        return (1.0 if event.confidence is None else -event.confidence, event.id)
    return (event.start_ms, event.id) if sort == "start_ms" else (-event.start_ms, UUID(int=2**128 - 1 - event.id.int))


def matches(event: EventRow, wanted: Filter) -> bool:
    """But for words."""
    return all(holds(event, wanted))


def holds(event: EventRow, wanted: Filter) -> Iterable[bool]:
    yield event.workspace_id == wanted.workspace_id
    yield wanted.video_id in {None, event.video_id}
    yield wanted.job_id in {None, event.job_id}
    yield wanted.at_ms is None or event.start_ms <= wanted.at_ms < event.end_ms
    low, high = wanted.from_ms, wanted.to_ms
    starts, ends = event.start_ms, event.end_ms
    yield low is None or (ends > low if wanted.match == "overlaps" else starts >= low)
    yield high is None or (ends <= high if wanted.match == "within" else starts < high)
    since, until = wanted.recorded_from, wanted.recorded_to
    yield since is None or (event.recorded is not None and event.recorded.upper > since)
    yield until is None or (event.recorded is not None and event.recorded.lower < until)
    yield not wanted.types or event.type in wanted.types
    yield event.verification["status"] in (wanted.verification or STATES[:2])
    yield wanted.min_confidence is None or (event.confidence is not None and event.confidence >= wanted.min_confidence)


def asked(chance: random.Random, world: World) -> Filter:
    """About an event that is there; a few things of it, or of another one."""
    event = chance.choice(world.events)
    given: dict[str, Any] = {"workspace_id": event.workspace_id, "match": chance.choice(MATCHES)}
    reach_ms = int(2 ** (26 * chance.random()))
    if chance.random() < 0.4:
        given["video_id"] = chance.choice((event.video_id, event.video_id, chance.choice(list(world.videos))))
    if chance.random() < 0.2:
        given["job_id"] = chance.choice((event.job_id, event.job_id, chance.choice(world.jobs).id))
    if chance.random() < 0.2:
        given["at_ms"] = event.start_ms
    elif chance.random() < 0.5:
        given |= some(chance, from_ms=max(0, event.start_ms - chance.randrange(2)), to_ms=event.start_ms + reach_ms)
    if chance.random() < 0.3:
        start = rows.RECORDED_AT + timedelta(milliseconds=event.start_ms, microseconds=chance.choice((-1, 0, 1)))
        given |= some(chance, recorded_from=start, recorded_to=start + timedelta(milliseconds=reach_ms))
    if chance.random() < 0.6:
        given["text"] = chance.choice((*SAID, *QUERIES))
    if chance.random() < 0.2:
        given["types"] = chance.choice((("car",), ("car", "dog"), ("cat",)))
    if chance.random() < 0.2:
        given["verification"] = tuple(chance.sample(STATES, chance.choice((1, 2))))
    if chance.random() < 0.2:
        given["min_confidence"] = chance.choice((0.2, 0.5, 0.6))
    return Filter(**given)


def some(chance: random.Random, **ends: Any) -> dict[str, Any]:
    """Both, or one of them."""
    return dict(chance.sample(list(ends.items()), chance.choice((1, 2, 2))))


@pytest.mark.parametrize("sort", ["start_ms", "-start_ms", "-confidence"])
@pytest.mark.parametrize(("looked_through", "promising"), [(3, 0), (3, 20), (2000, 0)])
def test_every_question_is_answered_in_full(
    world: World, monkeypatch: pytest.MonkeyPatch, sort: Sort, looked_through: int, promising: int
) -> None:
    """Also where the words are not among the first events, which few are enough for here."""
    monkeypatch.setattr(words, "LOOKED_THROUGH", dict.fromkeys(words.LOOKED_THROUGH, looked_through))
    monkeypatch.setattr(words, "PROMISING", promising)
    chance = random.Random(f"{sort} {looked_through} {promising}")
    answered = 0
    for _ in range(250):
        wanted, limit = asked(chance, world), chance.choice((1, 7, 100))
        expected = world.answer(wanted, sort)
        found = [one for page in world.pages(wanted, sort, limit) for one in page]
        assert found == expected, wanted
        answered += bool(found)
    assert answered > 80, "the questions are about what is there"


def test_the_longest_word_that_a_model_can_say_is_kept(world: World, settings: Settings) -> None:
    video = next(iter(world.videos.values()))
    job, _ = rows.job(world.sessions, video, settings)
    [window] = rows.planned(world.sessions, job, spans=[(0, 60_000)])
    said = "𠀀" * 500
    with world.sessions.begin() as session:
        events.become(session, job.id, [rows.event(window, video, "long", 0, 1, description=said)], provisional=False)
    [[found]] = world.pages(Filter(workspace_id=video.workspace_id, text=said), "start_ms", 10)
    assert found not in {event.id for event in world.events}
