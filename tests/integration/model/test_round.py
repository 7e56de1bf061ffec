"""The whole round: frames with marks, the prompt, a server that looks, the reply, the checks, and back to the frames' own times."""

from collections.abc import Sequence
from typing import Any

import pytest

from core.errors import BadReply
from core.spans import Span
from tests.integration.model.conftest import MakeClient
from tests.integration.model.pictures import MARKS, WINDOW, Seen, frames
from tests.model_server import ModelServer, misbehaving
from tests.model_server.misbehaving import of_kind
from workers.events.detection import Detection
from workers.model.client import ModelClient
from workers.model.kinds import BadKind
from workers.model.prompt import messages
from workers.model.question import EventType, Question
from workers.model.replies import check, read

EVERY_SECOND = range(WINDOW.start_ms, WINDOW.end_ms, 1000)
NTSC = (56_033, 57_034, 58_001, 59_002, 60_036, 61_037, 62_004, 63_005)
SEEN: Seen = {0: [(56_000, 58_001)], 3: [(58_001, 59_002), (61_000, 61_037)], 7: [(62_000, 64_000)]}


def no_beat() -> None:
    """Nobody listens."""


def ask(
    client: ModelClient, times_ms: Sequence[int], seen: Seen = SEEN, *, question: Question = MARKS, window: Span = WINDOW
) -> tuple[Detection, ...]:
    prompt = messages(question, frames(times_ms, seen), window=window)
    completion = client.ask(model="test/model", messages=prompt, seed=7, max_tokens=2048, beat=no_beat)
    items = read(completion.text, finish_reason=completion.finish_reason)
    return check(items, question=question, frame_pts_ms=times_ms, window=window).detections


def spans(found: Sequence[Detection]) -> list[tuple[str, int, int, bool, bool]]:
    return [(each.type, each.first_pts_ms, each.last_pts_ms, each.open_start, each.open_end) for each in found]


@pytest.mark.parametrize(
    ("times_ms", "expected"),
    [
        pytest.param(
            EVERY_SECOND,
            [
                ("mark_0", 56_000, 58_000, True, False),
                ("mark_3", 59_000, 59_000, False, False),
                ("mark_3", 61_000, 61_000, False, False),
                ("mark_7", 62_000, 63_000, False, True),
            ],
            id="every second",
        ),
        pytest.param(
            NTSC,
            [
                ("mark_0", 56_033, 58_001, True, False),
                ("mark_3", 58_001, 59_002, False, False),
                ("mark_3", 61_037, 61_037, False, False),
                ("mark_7", 62_004, 63_005, False, True),
            ],
            id="uneven",
        ),
    ],
)
def test_events_come_back_at_the_exact_times_of_the_frames_that_show_them(
    make_client: MakeClient, server: ModelServer, times_ms: Sequence[int], expected: list[Any]
) -> None:
    found = ask(make_client(), times_ms)
    assert spans(found) == expected
    assert {(each.start_slack_ms, each.end_slack_ms, each.confidence_source) for each in found} == {(0, 0, "model")}
    (call,) = server.control.log()
    assert call["times_ok"]
    assert abs(call["offset_ms"] - WINDOW.start_ms) <= 50  # the texts have one decimal
    assert [frame["mark_ms"] for frame in call["frames"]] == list(times_ms)
    assert server.control.windows().total() == 1


def test_the_model_is_asked_for_the_types_of_the_question_alone(make_client: MakeClient, server: ModelServer) -> None:
    question = Question((EventType("mark_3", "The fourth"), EventType("mark_5", "The sixth")))
    assert {each.type for each in ask(make_client(), EVERY_SECOND, question=question)} == {"mark_3"}
    assert server.control.log()[0]["types"] == ["mark_3", "mark_5"]


def test_without_types_whatever_is_seen_is_reported(make_client: MakeClient) -> None:
    assert [each.type for each in ask(make_client(), EVERY_SECOND, question=Question())] == ["mark_0", "mark_3", "mark_3", "mark_7"]


def test_nothing_seen_is_no_events(make_client: MakeClient) -> None:
    assert ask(make_client(), EVERY_SECOND, {}) == ()


@pytest.mark.parametrize("form", ["fenced", "mmss", "strings"])
def test_replies_in_a_form_that_nobody_asked_for_are_read_all_the_same(make_client: MakeClient, server: ModelServer, form: str) -> None:
    client = make_client()
    plain = ask(client, NTSC)
    server.control.next(of_kind(form))
    assert ask(client, NTSC) == plain
    assert server.control.pending() == 0


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (of_kind("broken"), BadKind.INVALID_JSON),
        (of_kind("truncated"), BadKind.TRUNCATED),
        (misbehaving.outside(), BadKind.BAD_TIMES),
        (misbehaving.loop(every_s=1, until_s=40), BadKind.LOOP),
    ],
)
@pytest.mark.parametrize("seen", [SEEN, {1: [(60_000, 60_000)]}])
def test_replies_that_cannot_be_used_are_refused_by_name(
    make_client: MakeClient, server: ModelServer, behaviour: misbehaving.Behaviour, kind: BadKind, seen: Seen
) -> None:
    server.control.next(behaviour)
    with pytest.raises(BadReply) as caught:
        ask(make_client(), EVERY_SECOND, seen)
    assert caught.value.kind == kind


def test_spans_that_are_slightly_off_land_on_frames_and_say_how_far_off(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(misbehaving.jittered(ms=400, seed=3))
    (found,) = ask(make_client(), EVERY_SECOND, {2: [(58_000, 61_000)]})
    assert (found.first_pts_ms, found.last_pts_ms) == (58_000, 61_000)
    assert max(found.start_slack_ms, found.end_slack_ms) <= 400
    assert found.start_slack_ms + found.end_slack_ms > 0


def test_a_window_of_64_large_frames_gets_through(make_client: MakeClient, server: ModelServer) -> None:
    shown = frames(range(0, 64_000, 1000), {4: [(9_000, 50_000)]}, size=(640, 352))
    assert sum(len(jpeg) for _, jpeg in shown) > 3 * 1024**2
    found = make_client().ask(model="m", messages=messages(MARKS, shown, window=Span(0, 64_000)), max_tokens=100, beat=no_beat)
    assert found.usage.input_tokens > 64 * 220
    (call,) = server.control.log()
    assert call["times_ok"]
    assert [(event["start_s"], event["end_s"]) for event in call["events"]] == [(9.0, 50.0)]


def test_the_server_notices_frames_with_wrong_times(make_client: MakeClient, server: ModelServer) -> None:
    """Else the tests above would prove nothing."""
    shown = frames(EVERY_SECOND, SEEN)
    shown[3] = (shown[3][0], shown[4][1])
    make_client().ask(model="m", messages=messages(MARKS, shown, window=WINDOW), max_tokens=100, beat=no_beat)
    assert server.control.log()[0]["times_ok"] is False
