"""Windows asked about in parts: the cuts, and the answers as one."""

import json
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spans import Span
from workers.events.detection import Detection, WindowResult
from workers.events.joining import join, looked_at
from workers.model.inquiry import NOBODY
from workers.model.parts import Part
from workers.model.question import EventType, Question
from workers.model.salvage import salvage, whole_events

SIZES = st.integers(1, 300)


@given(SIZES, SIZES)
def test_slices_hold_every_frame_and_no_more_than_they_may(size: int, at_most: int) -> None:
    slices = Part(5, 5 + size).slices(at_most)
    assert {position for part in slices for position in range(*part)} == set(range(5, 5 + size))
    assert all(0 < part.size <= at_most for part in slices)
    assert all(before.first < after.first and before.end < after.end and after.first <= before.end for before, after in pairwise(slices))


@given(st.integers(2, 300))
def test_halves_are_two_and_smaller_and_share_frames_where_there_are_some(size: int) -> None:
    left, right = Part(0, size).halves()
    assert max(left.size, right.size) < size
    assert left.end - right.first == (max(size // 16, 1) if size >= 4 else 0)


def seen(shown: list[bool], part: Part, window: Span) -> WindowResult:
    """What a perfect observer says of a part: one detection for each run of frames that show it."""
    frames = [position * 1000 for position in range(part.first, part.end)]
    detections = []
    for shows, group in groupby(frames, key=lambda pts_ms: shown[pts_ms // 1000]):
        run = list(group)
        if shows:
            ends = {"open_start": run[0] == frames[0], "open_end": run[-1] == frames[-1]}
            detections.append(Detection("mark", "Mark", run[0], run[-1], **ends))
    span = part.span([position * 1000 for position in range(len(shown))], window)
    return WindowResult(NOBODY, part.first, span, tuple(frames), tuple(detections))


@given(st.lists(st.booleans(), min_size=1, max_size=64), st.integers(1, 64))
def test_the_answers_for_parts_are_the_answer_for_the_whole(shown: list[bool], at_most: int) -> None:
    window, whole = Span(0, len(shown) * 1000), Part(0, len(shown))
    parts = [seen(shown, part, window) for part in whole.slices(at_most)]
    assert join(parts) == seen(shown, whole, window).detections


def test_what_only_one_of_two_parts_saw_in_the_frames_of_both_says_how_unsure_that_is() -> None:
    window = Span(0, 16_000)
    left, right = (Part(0, 10), Part(7, 16))
    shown = [False] * 5 + [True] * 5 + [False] * 6
    parts = [seen(shown, left, window), seen([False] * 16, right, window)]
    (found,) = join(parts)
    assert (found.first_pts_ms, found.last_pts_ms, found.open_end) == (5000, 9000, False)
    assert found.end_slack_ms == 2000


def test_over_a_part_that_is_missing_nothing_is_joined() -> None:
    window, shown = Span(0, 12_000), [True] * 12
    found = join([seen(shown, Part(0, 4), window), seen(shown, Part(8, 12), window)])
    assert [(each.first_pts_ms, each.last_pts_ms, each.open_start, each.open_end) for each in found] == [
        (0, 3000, True, False),
        (8000, 11_000, False, True),
    ]


@pytest.mark.parametrize(
    ("lost", "span", "frames"),
    [
        ([], (0, 5000), (0, 1000, 2000, 3000, 4000)),
        ([Span(3000, 5000)], (0, 3000), (0, 1000, 2000)),
        ([Span(0, 1000)], (1000, 5000), (1000, 2000, 3000, 4000)),
        ([Span(2000, 3000)], (0, 5000), (0, 1000, 3000, 4000)),
        ([Span(0, 5000)], (5000, 5000), ()),
    ],
)
def test_a_window_looked_only_where_it_has_an_answer(lost: list[Span], span: tuple[int, int], frames: tuple[int, ...]) -> None:
    assert looked_at(Span(0, 5000), (0, 1000, 2000, 3000, 4000), lost) == (Span(*span), frames)


FRAMES = tuple(range(0, 20_000, 1000))
DOOR = Question((EventType("door", "The door opens"),))
BOTH = Question((EventType("door", "The door opens"), EventType("dog", "A dog barks")))


def reply(*events: tuple[str, float, float], cut: int = 10) -> str:
    rows = [
        {"type": kind, "description": f"{kind} {start_s}", "start_s": start_s, "end_s": end_s, "confidence": 0.5}
        for kind, start_s, end_s in events
    ]
    return json.dumps({"events": rows})[:-cut]


def salvaged(text: str, question: Question = DOOR) -> tuple[list[tuple[int, int]], Part] | None:
    found = salvage(text, part=Part(0, 20), question=question, frame_pts_ms=FRAMES, span=Span(0, 20_000))
    return found and ([(each.first_pts_ms, each.last_pts_ms) for each in found.kept], found.rest)


def test_whole_events_are_kept_up_to_where_the_last_of_them_begins() -> None:
    assert salvaged(reply(("door", 1, 2), ("door", 4, 12), ("door", 9, 10), ("door", 15, 16))) == (
        [(1000, 2000), (4000, 9000)],
        Part(9, 20),
    )


@pytest.mark.parametrize(
    ("text", "question"),
    [
        pytest.param(reply(("door", 1, 2), ("door", 3, 4), ("door", 9, 10)), DOOR, id="hardly begun"),
        pytest.param(reply(("door", 9, 10), ("door", 1, 2), ("door", 12, 13)), DOOR, id="out of order"),
        pytest.param(reply(("door", 1, 2), ("door", 9, 10), ("dog", 1, 2)), BOTH, id="maybe one type after the other"),
        pytest.param(reply(("door", 1, 2), ("door", 9, 10), ("door", 9, 10)), Question(), id="nobody knows how many types"),
        pytest.param("The door opens", DOOR, id="no events"),
        pytest.param('{"events": [', DOOR, id="nothing yet"),
    ],
)
def test_nothing_is_kept_where_it_cannot_be_told_how_far_the_reply_got(text: str, question: Question) -> None:
    assert salvaged(text, question) is None


def test_two_types_in_order_tell_how_far_it_got() -> None:
    assert salvaged(reply(("door", 1, 2), ("dog", 9, 10), ("door", 15, 16)), BOTH) == ([(1000, 2000)], Part(9, 20))


@given(st.text())
def test_whatever_the_text_it_is_read_without_a_fuss(text: str) -> None:
    assert isinstance(whole_events('{"events": [' + text), list)
