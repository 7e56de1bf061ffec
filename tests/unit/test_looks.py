"""Answers to second looks: read leniently, checked strictly, and voted on."""

import json
from typing import Any

import pytest

from core.errors import BadReply
from core.spans import Span
from workers.model.kinds import BadKind
from workers.model.looks import Glimpse, elected, read
from workers.model.prompt import look_messages
from workers.model.question import EventType, Question

WINDOW = Span(9_250, 10_751)
FRAMES = (9_250, 9_500, 9_750, 10_000, 10_250, 10_500, 10_750)


def answer(**changed: Any) -> dict[str, Any]:
    return {"visible": True, "start_s": 0.75, "end_s": 1.5, "reason": "A man walks in", **changed}


def seen(text: str, finish_reason: str = "stop") -> Glimpse:
    return read(text, finish_reason=finish_reason, frame_pts_ms=FRAMES, window=WINDOW)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(answer()),
        f"```json\n{json.dumps(answer())}\n```",
        f"Here it is: {json.dumps(answer())}",
        json.dumps(answer(visible="true", start_s="0.75", end_s="<1.50 seconds>")),
        json.dumps(answer()).replace('"', "'"),
    ],
)
def test_an_answer_is_read_in_whatever_form_it_comes(text: str) -> None:
    assert seen(text) == Glimpse(True, 10_000, 10_750, reason="A man walks in")


def test_what_is_not_visible_has_no_times() -> None:
    assert seen(json.dumps(answer(visible=False, reason="An empty yard"))) == Glimpse(visible=False, reason="An empty yard")


def test_times_between_frames_are_slack() -> None:
    assert seen(json.dumps(answer(start_s=0.9))) == Glimpse(True, 10_000, 10_750, start_slack_ms=100, reason="A man walks in")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", BadKind.INVALID_JSON),
        ("I see a man", BadKind.INVALID_JSON),
        ('{"events": []}', BadKind.INVALID_JSON),
        (json.dumps(answer(visible=None)), BadKind.WRONG_SHAPE),
        (json.dumps(answer(start_s=None)), BadKind.BAD_TIMES),
        (json.dumps(answer(start_s=1.5, end_s=0.75)), BadKind.BAD_TIMES),
        (json.dumps(answer(end_s=12)), BadKind.BAD_TIMES),
        (" " * 70_000, BadKind.TOO_LARGE),
    ],
)
def test_what_cannot_be_an_answer_is_none(text: str, kind: BadKind) -> None:
    with pytest.raises(BadReply) as error:
        seen(text)
    assert error.value.kind == kind


def test_half_a_reply_that_was_cut_off_is_no_answer() -> None:
    with pytest.raises(BadReply) as error:
        seen('{"visible": true, "start_', finish_reason="length")
    assert error.value.kind == BadKind.TRUNCATED


def test_the_most_votes_win_at_the_middle_of_their_times_and_their_spread_is_slack() -> None:
    votes = [Glimpse(True, 9_750, 10_500), Glimpse(True, 10_000, 10_500, reason="b"), Glimpse(visible=False)]
    won = elected(votes)
    assert (won.visible, won.first_pts_ms, won.last_pts_ms, won.start_slack_ms, won.end_slack_ms) == (True, 9_750, 10_500, 250, 0)
    assert (won.share, won.votes) == (pytest.approx(2 / 3), 3)
    assert elected([votes[2], votes[2], votes[0]])[::6] == (False, pytest.approx(2 / 3))


def test_a_look_repeats_nothing_that_a_frame_may_have_made_the_model_say() -> None:
    question = Question((EventType("door", "The door opens"), EventType("dog", "A dog barks")), "At night")
    *_, user = look_messages(question, "door", [(pts_ms, b"\xff\xd8") for pts_ms in FRAMES], window=WINDOW)
    text = user["content"][-1]["text"]
    assert "- door: The door opens" in text
    assert "At night" in text
    assert "dog" not in text
    *_, free = look_messages(Question(), "man_walks", [(9_250, b"\xff\xd8")], window=WINDOW)
    assert "- man_walks\n" in free["content"][-1]["text"]
