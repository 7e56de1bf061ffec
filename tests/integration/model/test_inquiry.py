"""Replies that can't be used and windows that are too much for the server, each with its remedy, against a server that looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from core.errors import BadReply
from core.request import EventField
from core.spans import Span
from tests.integration.model.conftest import MakeClient
from tests.integration.model.pictures import MARKS, Seen, frames
from tests.model_server import ModelServer
from tests.model_server.misbehaving import Behaviour, broken_from, long_winded, of_kind, picky
from workers.events.detection import Detection
from workers.model.client import ModelClient
from workers.model.inquiry import Findings, Inquiry
from workers.model.kinds import BadKind
from workers.model.parts import Part
from workers.model.policy import Remedy, how, rule_for
from workers.model.prompt import messages
from workers.model.question import EventType, Question
from workers.model.schema import schema_of

WINDOW = Span(56_000, 88_000)
TIMES = tuple(range(56_000, 88_000, 1000))
SEEN: Seen = {
    0: [(56_000, 58_000), (66_000, 80_000)],  # over every cut in the middle
    3: [(60_000, 60_000), (62_000, 63_000), (86_000, 87_000)],
    7: [(71_000, 72_000)],
}

FRAMES = frames(TIMES, SEEN)


class Caller:
    """Asks, and keeps nothing."""

    def __init__(self, client: ModelClient, question: Question) -> None:
        self.client, self.question = client, question
        self.asked: list[tuple[Part, tuple[str, ...]]] = []

    def __call__(self, part: Part, number: int, *, going_on: Sequence[str]) -> Mapping[str, Any]:
        self.asked.append((part, tuple(going_on)))
        span = part.span(TIMES, WINDOW)
        prompt = messages(self.question, FRAMES[part.first : part.end], window=span, going_on=going_on)
        completion = self.client.ask(
            model="m", messages=prompt, schema=schema_of(self.question), max_tokens=2048, beat=lambda: None, **how(number)
        )
        return {"text": completion.text, "finish_reason": completion.finish_reason}


def look(client: ModelClient, question: Question = MARKS, **changed: Any) -> tuple[Findings, Caller]:
    caller = Caller(client, question)
    return Inquiry(question, TIMES, WINDOW, caller, **changed).run(), caller


def spans(found: Sequence[Detection]) -> list[tuple[str, int, int, bool, bool]]:
    return [(each.type, each.first_pts_ms, each.last_pts_ms, each.open_start, each.open_end) for each in found]


TRUTH = [
    ("mark_0", 56_000, 58_000, True, False),
    ("mark_3", 60_000, 60_000, False, False),
    ("mark_3", 62_000, 63_000, False, False),
    ("mark_0", 66_000, 80_000, False, False),
    ("mark_7", 71_000, 72_000, False, False),
    ("mark_3", 86_000, 87_000, False, True),
]


def test_a_good_reply_needs_no_remedy(make_client: MakeClient) -> None:
    found, caller = look(make_client())
    assert (spans(found.detections), found.lost, found.bad, len(caller.asked)) == (TRUTH, [], {}, 1)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (of_kind("broken"), "invalid_json"),
        (of_kind("truncated"), "truncated"),
        ({"kind": "loop", "every_s": 1, "until_s": 60}, "loop"),
        ({"kind": "outside"}, "bad_times"),
    ],
)
def test_after_two_bad_replies_the_halves_are_asked_for_and_joined(
    make_client: MakeClient, server: ModelServer, behaviour: Behaviour, kind: str
) -> None:
    server.control.next(behaviour, behaviour)
    found, _ = look(make_client())
    assert (spans(found.detections), found.lost, found.bad) == (TRUTH, [], {kind: 2})
    calls = server.control.log()
    assert [len(call["frames"]) for call in calls] == [32, 32, 17, 17]
    assert [call["seed"] for call in calls] == [1, 2, 1, 1]
    assert all(call["times_ok"] for call in calls)


def test_only_the_part_that_still_fails_is_lost(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(broken_from(84_000))
    found, _ = look(make_client())
    assert [(tuple(span), reason) for span, reason in found.lost] == [((80_000, 88_000), "bad_reply")]
    assert found.error is None
    assert spans(found.detections) == [
        *TRUTH[:3],
        # Seen up to its last frame, and nobody looked beyond; that it is open, only the whole window could say.
        ("mark_0", 66_000, 79_000, False, True),
        TRUTH[4],
    ]
    assert found.bad == {"invalid_json": 6}


def test_where_nothing_helps_the_window_has_no_answer_and_the_calls_are_bounded(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(of_kind("broken"))
    found, _ = look(make_client())
    assert isinstance(found.error, BadReply)
    assert found.detections == ()
    assert len(server.control.log()) == found.bad["invalid_json"] == 14


@pytest.mark.parametrize("kind", BadKind)
def test_every_kind_of_bad_reply_has_its_remedies(kind: BadKind) -> None:
    assert rule_for(kind).remedies[-1] is Remedy.HALVE
    assert Remedy.AGAIN in rule_for(kind).remedies


@pytest.mark.parametrize("limit", [{"images": 20}, {"images": 5}, {"images": 1}, {"size": 200_000}])
def test_what_is_too_much_for_the_server_is_asked_in_parts_that_are_not(
    make_client: MakeClient, server: ModelServer, limit: dict[str, int]
) -> None:
    server.control.always(picky(**limit))
    found, _ = look(make_client())
    assert (spans(found.detections), found.lost, found.bad) == (TRUTH, [], {})


def test_a_limit_that_is_known_is_never_tried(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(picky(images=10))
    found, _ = look(make_client(), at_most=10)
    assert spans(found.detections) == TRUTH
    assert [call["status"] for call in server.control.log()] == [200] * 4


def test_a_window_of_which_the_server_takes_no_single_frame_has_no_answer(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(picky(size=1))
    found, _ = look(make_client())
    assert found.error is not None
    assert found.error.code == "prompt_too_large"


def test_the_whole_events_of_a_reply_that_breaks_off_are_kept_and_the_rest_asked_for(make_client: MakeClient, server: ModelServer) -> None:
    server.control.next(long_winded(events=4))
    found, caller = look(make_client())
    assert (spans(found.detections), found.bad) == (TRUTH, {"truncated": 1})
    assert [part for part, _ in caller.asked] == [Part(0, 32), Part(10, 32)]


def test_a_reply_that_breaks_off_each_time_gets_through_piece_by_piece(make_client: MakeClient, server: ModelServer) -> None:
    server.control.always(long_winded(events=3))
    found, _ = look(make_client())
    assert (spans(found.detections), found.lost) == (TRUTH, [])


def test_what_is_going_on_at_a_cut_is_told_to_whoever_looks_next(make_client: MakeClient, server: ModelServer) -> None:
    _, caller = look(make_client(), at_most=17, going_on=["mark_5"])
    assert caller.asked == [(Part(0, 17), ("mark_5",)), (Part(15, 32), ("mark_0", "mark_7"))]
    first, second = server.control.log()
    assert "still going on as they begin: mark_5." in first["question"]
    assert "still going on as they begin: mark_0, mark_7." in second["question"]


def test_details_come_back_with_their_types(make_client: MakeClient) -> None:
    fields = (
        EventField(name="number", type="number"),
        EventField(name="odd", type="boolean"),
        EventField(name="text", type="string"),
        EventField(name="word", type="enum", values=("zero", "one", "two", "three")),
    )
    kinds = (EventType("mark_3", "Mark 3", fields), EventType("mark_7", "Mark 7", fields[:1]), EventType("mark_0", "Mark 0"))
    found, _ = look(make_client(), Question(kinds))
    assert {each.type: each.attributes for each in found.detections} == {
        "mark_3": {"number": 3, "odd": True, "text": "sign 3", "word": "three"},
        "mark_7": {"number": 7},
        "mark_0": {},
    }


def test_without_types_of_its_own_the_model_is_told_none_of_its_words(make_client: MakeClient, server: ModelServer) -> None:
    look(make_client(), Question(), at_most=17)
    assert not any("By the frames before" in call["question"] for call in server.control.log())
