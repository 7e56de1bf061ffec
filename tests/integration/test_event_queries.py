"""Events are found by media time, wall clock, type, text and confidence, over HTTP, page by page."""

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from core.settings import Settings
from db import events
from db.models import Video
from db.session import Sessions
from tests.integration import rows

# name, start, end, type, description, confidence
TRUTH = (
    ("a", 0, 10_000, "car", "A red car drives past", 0.9),
    ("b", 5_000, 20_000, "person", "A woman with a dog walks in", None),
    ("c", 20_000, 20_001, "cut", "The picture changes", 0.5),
    ("d", 30_000, 60_000, "car", "A blue car is parked", 0.9),
    ("e", 119_000, 120_000, "person_leaves", "A man leaves", 0.1),
)


@pytest.fixture
def video(sessions: Sessions, settings: Settings) -> Video:
    made = rows.video(sessions, rows.workspace(sessions))
    job, _ = rows.job(sessions, made, settings)
    [window] = rows.planned(sessions, job, spans=[(0, 120_000)])
    found = [
        rows.event(window, made, name, start, end, type=kind, description=description, confidence=confidence)
        for name, start, end, kind, description, confidence in TRUTH
    ]
    with sessions.begin() as session:
        events.become(session, job.id, found, provisional=False)
    return made


Ask = Callable[..., list[str]]


@pytest.fixture
def ask(api: httpx.Client, video: Video) -> Ask:
    """The names of the events that a query finds, in the order of the answer."""

    def names(**query: Any) -> list[str]:
        answer = api.get(f"/v1/videos/{video.id}/events", params=query)
        assert answer.status_code == 200, answer.text
        return [event["title"] for event in answer.json()["data"]]

    return names


def test_a_page_has_events_as_each_is_by_itself(api: httpx.Client, video: Video) -> None:
    events = api.get(f"/v1/videos/{video.id}/events").json()["data"]
    assert len(events) == len(TRUTH)
    for event in events:
        assert api.get(f"/v1/events/{event['id']}").json() == event


@pytest.mark.parametrize(
    ("at_ms", "found"),
    [(0, "a"), (4_999, "a"), (5_000, "ab"), (9_999, "ab"), (10_000, "b"), (19_999, "b"), (20_000, "c"), (20_001, ""), (120_000, "")],
)
def test_at_finds_what_is_going_on_and_ends_are_not_part(ask: Ask, at_ms: int, found: str) -> None:
    assert ask(at_ms=at_ms) == list(found)


@pytest.mark.parametrize(
    ("match", "span", "found"),
    [
        ("overlaps", (10_000, 30_000), "bc"),
        ("overlaps", (9_999, 30_001), "abcd"),
        ("within", (5_000, 60_000), "bcd"),
        ("within", (5_001, 59_999), "c"),
        ("starts", (5_000, 30_000), "bc"),
        ("starts", (5_001, 30_001), "cd"),
        ("overlaps", (20_001, None), "de"),
        ("overlaps", (None, 5_000), "a"),
        ("starts", (None, 5_001), "ab"),
    ],
)
def test_a_range_matches_as_asked(ask: Ask, match: str, span: tuple[int | None, int | None], found: str) -> None:
    bounds = {name: value for name, value in zip(("from_ms", "to_ms"), span, strict=True) if value is not None}
    assert ask(match=match, **bounds) == list(found)


def test_wall_clock_time_finds_events_by_when_they_were_recorded(ask: Ask) -> None:
    assert ask(recorded_from="2026-03-01T09:00:10+01:00", recorded_to="2026-03-01T09:00:20.001+01:00") == ["b", "c"]
    assert ask(recorded_from="2026-03-01T08:01:00Z") == ["e"]


def test_types_may_be_given_more_than_once(ask: Ask) -> None:
    assert ask(type="car") == ["a", "d"]
    assert ask(type=["car", "cut"]) == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("q", "found"), [("driving cars", "a"), ("car -blue", "a"), ('"blue car"', "d"), ("dog or man", "be"), ("leave", "e")]
)
def test_text_finds_words_in_any_form(ask: Ask, q: str, found: str) -> None:
    assert ask(q=q) == list(found)


def test_least_confidence_leaves_out_what_nobody_measured(ask: Ask) -> None:
    assert ask(min_confidence=0.5) == ["a", "c", "d"]


@pytest.mark.parametrize(("sort", "order"), [("start_ms", "abcde"), ("-start_ms", "edcba"), ("-confidence", "adceb")])
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_give_everything_once_in_every_order(api: httpx.Client, video: Video, sort: str, order: str, limit: int) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"sort": sort, "limit": limit}
    while True:
        page = api.get(f"/v1/videos/{video.id}/events", params=query).json()
        seen += [event["title"] for event in page["data"]]
        assert len(page["data"]) <= limit
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    if sort == "-confidence":  # equal confidences come in the order of their ids
        assert sorted(seen[:2]) == ["a", "d"]
        assert seen[2:] == list(order[2:])
    else:
        assert seen == list(order)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"at_ms": "soon"}, "at_ms"),
        ({"at_ms": -1}, "at_ms"),
        ({"limit": 1001}, "limit"),
        ({"sort": "end_ms"}, "sort"),
        ({"recorded_from": "2026-03-01T09:00:00"}, "recorded_from"),
        ({"cursor": "bm8"}, "cursor"),
        ({"form_ms": 3}, "form_ms"),
        ({"type": ["car", "\x00"]}, "type"),
        ({"q": 33 * "-"}, "q"),
        ({"q": 40 * "- " + "car"}, "q"),
    ],
)
def test_a_bad_parameter_is_named(api: httpx.Client, video: Video, query: dict[str, Any], field: str) -> None:
    answer = api.get(f"/v1/videos/{video.id}/events", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_request"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"at_ms": 1, "from_ms": 1}, {"from_ms": "Give at_ms, or from_ms and to_ms, not both."}),
        ({"at_ms": 1, "to_ms": 1}, {"to_ms": "Give at_ms, or from_ms and to_ms, not both."}),
        ({"from_ms": 2, "to_ms": 2}, {"to_ms": "Must be greater than from_ms."}),
        (
            {"recorded_from": "2026-03-01T09:00:00Z", "recorded_to": "2026-03-01T09:00:00+01:00"},
            {"recorded_to": "Must be later than recorded_from."},
        ),
    ],
)
def test_contradictions_are_refused_by_the_name_of_the_second(
    api: httpx.Client, video: Video, query: dict[str, Any], errors: dict[str, str]
) -> None:
    answer = api.get("/v1/events", params=query)
    assert answer.status_code == 422
    assert {error["field"]: error["message"] for error in answer.json()["errors"]} == errors


def test_another_workspace_sees_nothing_of_it(api: httpx.Client, video: Video, sessions: Sessions) -> None:
    from db import keys

    with sessions.begin() as session:
        foreign = keys.create(session, name="foreign", scopes=["read", "write"], workspace="another")
    stranger = {"Authorization": f"Bearer {foreign}"}
    event = api.get("/v1/events").json()["data"][0]
    assert api.get("/v1/events", headers=stranger).json()["data"] == []
    for path in (
        f"/v1/videos/{video.id}",
        f"/v1/videos/{video.id}/events",
        f"/v1/events/{event['id']}",
        f"/v1/events/{event['id']}/frame.jpg",
    ):
        assert api.get(path, headers=stranger).status_code == 404
    assert api.delete(f"/v1/videos/{video.id}", headers=stranger).status_code == 404
    assert api.post(f"/v1/jobs/{event['job_id']}/cancel", headers=stranger).status_code == 404


def test_an_event_says_when_on_both_clocks(api: httpx.Client, video: Video) -> None:
    event = api.get("/v1/events", params={"type": "person"}).json()["data"][0]
    assert (event["start_ms"], event["end_ms"]) == (5_000, 20_000)
    assert event["recorded_start"] == "2026-03-01T08:00:05Z"
    assert event["recorded_end"] == "2026-03-01T08:00:20Z"
    assert event["evidence"] == {"pts_ms": 5_000, "frame_url": f"/v1/events/{event['id']}/frame.jpg"}


@pytest.mark.parametrize("offset", ["+16:00", "-23:59"])
def test_an_offset_that_postgres_does_not_know_is_a_time_all_the_same(api: httpx.Client, offset: str) -> None:
    assert api.get("/v1/events", params={"recorded_from": f"2026-03-01T09:00:00{offset}"}).status_code == 200
    edge = api.get("/v1/events", params={"recorded_to": f"0001-01-01T00:00:00{'+16:00'}"})
    assert (edge.status_code, edge.json()["errors"][0]["field"]) == (422, "recorded_to")


def test_a_cursor_with_a_time_that_is_no_number_is_refused(api: httpx.Client) -> None:
    for place in ('["start_ms",NaN,"0198c0de-0000-7000-8000-000000000000"]', '["start_ms",1,"x"]'):
        answer = api.get("/v1/events", params={"cursor": base64.urlsafe_b64encode(place.encode()).decode()})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")
