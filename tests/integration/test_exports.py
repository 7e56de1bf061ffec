"""Over HTTP: all events that are chosen, in each format, however many; timelines count them, and tell what nobody looked at."""

import csv
import io
import json
from typing import Any

import httpx
import pytest
import webvtt
from sqlalchemy import func

from core.settings import Settings
from db import events, keys
from db.models import Job, Video, Window
from db.session import Sessions
from services.api import exports
from tests.integration import rows

FORMATS = {
    "events.vtt": "text/vtt; charset=utf-8",
    "events.srt": "application/x-subrip",
    "events.csv": "text/csv; header=present; charset=utf-8",
    "events.jsonl": "application/jsonl",
    "events.edl": "text/plain; charset=utf-8",
    "events.fcpxml": "application/xml",
    "chapters.vtt": "text/vtt; charset=utf-8",
}
NTSC = {"frame_rate": 29.97, "variable_frame_rate": False, "width": 1920, "height": 1080}

# name, start, end, type
FOUND = (
    ("a", 0, 10_000, "car"),
    ("b", 5_000, 70_000, "person"),
    ("c", 20_000, 20_001, "cut"),
    ("d", 30_000, 60_000, "car"),
    ("e", 119_000, 120_000, "car"),
)


@pytest.fixture
def video(sessions: Sessions, settings: Settings) -> Video:
    """Two minutes, of which the second half is not analysed; five events, and a sixth that was rejected."""
    made = rows.video(sessions, rows.workspace(sessions), filename="Straße 7.mp4", title="A street", **NTSC)
    job, _ = rows.job(sessions, made, settings)
    window, _ = rows.planned(sessions, job, spans=[(0, 60_000), (60_000, 120_000)])
    found = [rows.event(window, made, name, start, end, type=kind) for name, start, end, kind in FOUND]
    found.append(rows.event(window, made, "f", 1000, 2000, verification={"status": "rejected", "reason": None}))
    with sessions.begin() as session:
        events.become(session, job.id, found, provisional=False)
        session.query(Window).filter_by(id=window.id).update({"state": "done"})
    return made


@pytest.mark.parametrize("page", [1, 2, 500])
def test_every_format_has_all_of_them_page_by_page(api: httpx.Client, video: Video, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", page)
    got = {}
    for name, media_type in FORMATS.items():
        answer = api.get(f"/v1/videos/{video.id}/{name}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type), answer.text
        kind = "inline" if name.endswith("vtt") else "attachment"
        assert answer.headers["Content-Disposition"] == (f"{kind}; filename=\"Stra_e 7.{name}\"; filename*=UTF-8''Stra%C3%9Fe%207.{name}")
        got[name] = answer.content.decode()
    assert [cue.lines[0] for cue in webvtt.from_string(got["events.vtt"])] == list("abcde")
    assert [cue.text for cue in webvtt.from_buffer(io.StringIO(got["events.srt"]), format="srt")] == list("abcde")
    assert [row["title"] for row in csv.DictReader(io.StringIO(got["events.csv"]))] == list("abcde")
    assert [json.loads(line)["title"] for line in got["events.jsonl"].splitlines()] == list("abcde")
    assert got["events.edl"].count("|M:") == got["events.fcpxml"].count("<marker") == 5
    assert "FCM: DROP FRAME" in got["events.edl"]
    assert [cue.text for cue in webvtt.from_string(got["chapters.vtt"])] == list("abcde")


def test_filters_are_those_of_the_list(api: httpx.Client, video: Video) -> None:
    asked: dict[str, Any] = {"type": "car", "from_ms": 5000, "to_ms": 60_000}
    listed = api.get(f"/v1/videos/{video.id}/events", params=asked).json()["data"]
    lines = api.get(f"/v1/videos/{video.id}/events.jsonl", params=asked).text.splitlines()
    assert [json.loads(line) for line in lines] == listed
    assert [event["title"] for event in listed] == ["a", "d"]
    refused = api.get(f"/v1/videos/{video.id}/events.jsonl", params={"limit": 3})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "limit")


def test_a_timeline_of_an_editor_starts_and_counts_as_asked(api: httpx.Client, video: Video) -> None:
    edl = api.get(f"/v1/videos/{video.id}/events.edl", params={"frame_rate": "25", "start_timecode": "10:00:00:00", "type": "cut"}).text
    assert "FCM: NON-DROP FRAME" in edl
    assert " 10:00:20:00 10:00:20:01 " in edl
    refused = api.get(f"/v1/videos/{video.id}/events.edl", params={"frame_rate": "25", "start_timecode": "10:00:00;00"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "start_timecode")


def test_before_a_worker_has_looked_what_needs_the_length_says_so(api: httpx.Client, sessions: Sessions) -> None:
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    needing = ("events.edl", "events.fcpxml", "chapters.vtt", "timeline")
    assert {api.get(f"/v1/videos/{video.id}/{name}").json().get("code") for name in needing} == {"not_probed"}
    assert api.get(f"/v1/videos/{video.id}/events.vtt").text == "WEBVTT\n"


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (
            {"status": "failed", "error": {"code": "unsupported_video", "detail": "Not one frame. Convert it."}},
            "ended `failed`. Not one frame. Convert it.",
        ),
        ({"status": "canceled"}, "ended `canceled`. Retry it."),
    ],
)
def test_of_a_video_that_will_never_be_read_nobody_is_told_to_try_again(
    api: httpx.Client, sessions: Sessions, settings: Settings, ended: dict[str, Any], told: str
) -> None:
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=None)
    job, _ = rows.job(sessions, video, settings)
    needing = ("events.edl", "events.fcpxml", "chapters.vtt", "timeline", "storyboard.jpg", "storyboard.vtt")

    def answers() -> list[dict[str, Any]]:
        got = [api.get(f"/v1/videos/{video.id}/{name}") for name in needing]
        return [answer.json() for answer in (*got, api.post(f"/v1/videos/{video.id}/estimate"))]

    assert {answer["code"] for answer in answers()} == {"not_probed", "not_sampled"}
    with sessions.begin() as session:
        session.query(Job).filter_by(id=job.id).update({"completed_at": func.now(), **ended})
    for answer in answers():
        assert (answer["status"], answer["code"], answer["job_id"]) == (409, "never_read", str(job.id))
        assert answer["detail"] == f"The job {job.id}, which was to read this video, {told}"
    rows.job(sessions, video, settings)
    assert {answer["code"] for answer in answers()} == {"not_probed", "not_sampled"}


def test_the_video_s_title_stays_in_the_line_of_its_chapter(api: httpx.Client, sessions: Sessions) -> None:
    named = rows.video(sessions, rows.workspace(sessions), title="line one\n\nNOTE broken\x1b")
    blank = rows.video(sessions, rows.workspace(sessions), title="\n")
    found = [api.get(f"/v1/videos/{video.id}/chapters.vtt").text for video in (named, blank)]
    assert [text.splitlines()[4:] for text in found] == [["line one NOTE broken"], ["Beginning"]]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("/etc/passwd", "passwd"),
        ("../../street.mp4", "street.mp4"),
        (r"C:\videos\street.mp4", "C_videos_street.mp4"),
        ("Straße\n7.mp4", "Stra%C3%9Fe_7.mp4"),
        ("..", "video.mp4"),
        (None, "video.mp4"),
    ],
)
def test_an_editor_is_given_the_name_of_a_file_and_no_path(api: httpx.Client, sessions: Sessions, filename: str | None, name: str) -> None:
    video = rows.video(sessions, rows.workspace(sessions), filename=filename, **NTSC)
    assert f'src="file:///{name}"' in api.get(f"/v1/videos/{video.id}/events.fcpxml").text


def test_another_workspace_gets_nothing_of_it(api: httpx.Client, video: Video, sessions: Sessions) -> None:
    with sessions.begin() as session:
        foreign = keys.create(session, name="foreign", scopes=["read"], workspace="another")
    for name in (*FORMATS, "timeline", "storyboard.jpg", "storyboard.vtt"):
        answer = api.get(f"/v1/videos/{video.id}/{name}", headers={"Authorization": f"Bearer {foreign}"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def timeline(api: httpx.Client, video: Video, **asked: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/videos/{video.id}/timeline", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["buckets"]
    return found


def test_an_event_counts_in_each_bucket_that_it_overlaps(api: httpx.Client, video: Video) -> None:
    found = timeline(api, video, buckets=6)
    assert [(bucket["start_ms"], bucket["end_ms"]) for bucket in found] == [(at, at + 20_000) for at in range(0, 120_000, 20_000)]
    assert [bucket["counts"] for bucket in found] == [
        {"car": 1, "person": 1},
        {"car": 1, "person": 1, "cut": 1},
        {"car": 1, "person": 1},
        {"person": 1},
        {},
        {"car": 1},
    ]
    assert [bucket["events"] for bucket in found] == [2, 3, 2, 1, 0, 1]
    assert sum(bucket["events"] for bucket in timeline(api, video, buckets=6, type="cut")) == 1


def test_what_nobody_has_analysed_is_told(api: httpx.Client, video: Video, sessions: Sessions, settings: Settings) -> None:
    assert [bucket["not_analysed_ms"] for bucket in timeline(api, video, buckets=4)] == [0, 0, 30_000, 30_000]
    other, _ = rows.job(sessions, video, settings)
    gaps = [{"start_ms": 0, "end_ms": 80_000, "reason": "budget"}]
    with sessions.begin() as session:
        session.query(Job).filter_by(id=other.id).update({"coverage": {"ratio": 0.33, "gaps": gaps}})
    assert [bucket["not_analysed_ms"] for bucket in timeline(api, video, buckets=4)] == [0, 0, 20_000, 0]
    assert [bucket["not_analysed_ms"] for bucket in timeline(api, video, buckets=2, job_id=str(other.id))] == [60_000, 20_000]


def test_a_range_is_looked_at_more_closely_down_to_a_millisecond(api: httpx.Client, video: Video) -> None:
    found = timeline(api, video, from_ms=19_999, to_ms=20_002, buckets=1000)
    assert [(bucket["start_ms"], bucket["counts"].get("cut", 0)) for bucket in found] == [(19_999, 0), (20_000, 1), (20_001, 0)]
    uneven = timeline(api, video, buckets=7)
    assert [bucket["end_ms"] for bucket in uneven[:-1]] == [bucket["start_ms"] for bucket in uneven[1:]]
    assert (uneven[0]["start_ms"], uneven[-1]["end_ms"]) == (0, 120_000)
    assert timeline(api, video, from_ms=500_000) == []


def test_types_beyond_the_most_frequent_ones_count_in_the_sum(api: httpx.Client, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.timeline.TYPES", 2)
    [bucket] = timeline(api, video, buckets=1)
    assert (bucket["events"], bucket["counts"]) == (5, {"car": 3, "cut": 1})
