"""A retried window asks for what brought nothing, from as high up as nothing under it has an answer."""

from typing import Any

from core.spans import Span
from workers.model.again import unanswered
from workers.model.parts import Part, whole
from workers.model.question import Question
from workers.model.record import Record

FRAMES = list(range(0, 32_000, 1000))
WINDOW = Span(0, 32_000)
LEFT, RIGHT = whole(FRAMES).halves()
GOOD, BAD = '{"events": []}', "I am sorry"


def replied(*texts: tuple[Part, str]) -> Record:
    replies = [{"part": list(part), "text": text, "finish_reason": "stop"} for part, text in texts]
    return Record(replies=replies, at_most=100, again=True)


def aside(record: Record) -> list[tuple[Part, str]]:
    return [(Part(*reply["part"]), reply["text"]) for reply in record.replies if reply.get("aside")]


def again(record: Record) -> Record:
    return unanswered(record, Question(), FRAMES, WINDOW)


def bad_twice(part: Part) -> list[tuple[Part, str]]:
    return [(part, BAD), (part, BAD)]


def all_bad(part: Part, *, depth: int) -> list[tuple[Part, str]]:
    halves = [each for half in part.halves() for each in all_bad(half, depth=depth - 1)] if depth else []
    return [*bad_twice(part), *halves]


def test_of_a_window_that_has_no_answer_at_all_everything_is_asked_for_anew() -> None:
    record = replied(*all_bad(whole(FRAMES), depth=2))
    found = again(record)
    assert len(aside(found)) == len(record.replies) == 14
    assert (found.at_most, found.again) == (None, False), "the server may take more by now"


def test_a_half_that_was_answered_stays_and_the_other_is_asked_for_as_a_whole() -> None:
    found = again(replied(*bad_twice(whole(FRAMES)), (LEFT, GOOD), *all_bad(RIGHT, depth=1)))
    assert {part for part, _ in aside(found)} == {RIGHT, *RIGHT.halves()}
    assert found.at_most == 100, "its parts stay the same"
    assert found.reply(LEFT, 0, whole=whole(FRAMES)) is not None
    assert found.reply(RIGHT, 0, whole=whole(FRAMES)) is None
    assert found.aside(RIGHT, whole=whole(FRAMES)) == 2, "so that the next call is made with another seed"


def test_what_a_budget_cut_short_goes_on_from_there() -> None:
    found = again(replied(*bad_twice(whole(FRAMES)), (LEFT, GOOD)))
    assert aside(found) == []


def test_a_part_that_the_server_refused_may_be_asked_for_again() -> None:
    record = Record(refused=[{"part": list(RIGHT), "detail": "too many", "limit": "images"}], replies=[], again=True)
    assert again(record).refused == []


def test_members_of_a_later_release_are_left_out() -> None:
    stored: dict[str, Any] = {"replies": [], "again": True, "mood": "fine"}
    assert Record.of(stored) == Record(again=True)
    assert Record.of(None) == Record()
