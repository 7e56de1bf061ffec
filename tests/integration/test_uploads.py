"""Videos come in by form or as raw bytes, whole or not at all."""

import base64
import hashlib
import json
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.settings import Settings
from db import keys
from db.models import Job, Plan, Video
from db.session import Sessions
from tests.conftest import serving

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 50


def stored(settings: Settings) -> list[Path]:
    root = Path(settings.blobs_url.removeprefix("file://"))
    return [path for path in root.rglob("*") if path.is_file()]


def count(sessions: Sessions) -> tuple[int, int, int]:
    with sessions.begin() as session:
        return session.query(Video).count(), session.query(Job).count(), session.query(Plan).count()


def test_raw_bytes_are_stored_hashed_and_queued(api: httpx.Client, settings: Settings, sessions: Sessions) -> None:
    query = {
        "title": "Yard",
        "custom_id": "cam-1",
        "recorded_at": "2026-03-01T09:00:00+01:00",
        "metadata": '{"site": 7}',
        "filename": "a.mp4",
    }
    answer = api.post("/v1/videos", content=MP4, params=query, headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 202
    video, job = answer.json()["video"], answer.json()["job"]
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (video["bytes"], video["sha256"]) == (len(MP4), hashlib.sha256(MP4).hexdigest())
    assert (video["title"], video["custom_id"], video["metadata"], video["filename"]) == ("Yard", "cam-1", {"site": 7}, "a.mp4")
    assert video["recorded_at"] == "2026-03-01T08:00:00Z"
    assert (job["status"], job["video_id"], job["request"]["analyzer"]) == ("queued", video["id"], "signals")
    assert [path.read_bytes() for path in stored(settings)] == [MP4]
    assert count(sessions) == (1, 1, 1)


@pytest.mark.parametrize("file_first", [True, False])
def test_a_form_may_bring_its_fields_before_or_after_the_file(api: httpx.Client, file_first: bool) -> None:
    request = {"event_types": [{"id": "car", "description": "a car"}], "sampling": {"fps": 4}}
    fields: list[tuple[str, Any]] = [("request", (None, json.dumps(request))), ("title", (None, "Straße"))]
    file = [("file", ("clip.mp4", MP4, "video/mp4"))]
    answer = api.post("/v1/videos", files=file + fields if file_first else fields + file)
    assert answer.status_code == 202, answer.text
    assert answer.json()["video"]["title"] == "Straße"
    assert answer.json()["video"]["filename"] == "clip.mp4"
    asked = answer.json()["job"]["request"]
    assert asked["event_types"] == [{"id": "car", "description": "a car", "fields": []}]
    assert asked["sampling"] == {
        "fps": 4,
        "window_s": 64,
        "overlap_s": 8,
        "frame_tokens": 220,
        "tolerance_s": 0.0,
        "skip_static": False,
        "max_gap_s": 30,
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_upload"),
        (b"this is no video\n" * 10, "not_a_video"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "not_a_video"),
        (b"#EXTM3U\n#EXTINF:1,\n../x.ts\n", "not_a_video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "not_a_video"),
    ],
)
@pytest.mark.parametrize("form", [True, False])
def test_what_is_no_video_is_refused_and_leaves_nothing(
    api: httpx.Client, settings: Settings, sessions: Sessions, body: bytes, code: str, form: bool
) -> None:
    if form:
        answer = api.post("/v1/videos", files={"file": ("x.mp4", body, "video/mp4")})
    else:
        answer = api.post("/v1/videos", content=body, headers={"Content-Type": "video/mp4"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert stored(settings) == []
    assert count(sessions) == (0, 0, 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"request": '{"sampling": {"fps": 99}}'}, "request.sampling.fps"),
        ({"request": "{"}, "request"),
        ({"request": '{"event_tipes": []}'}, "request.event_tipes"),
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"recorded_at": "1700000000"}, "recorded_at"),
        ({"recorded_at": "2026-03-01T09:00:00"}, "recorded_at"),
        ({"nonsense": "x"}, "nonsense"),
        ({"recorded_at": "0001-01-01T00:00:00Z"}, "recorded_at"),
        ({"metadata": "[1]"}, "metadata"),
        ({"request": '{"verify": {"votes": 2}}'}, "request.verify.votes"),
        ({"request": '{"budget_usd": -1}'}, "request.budget_usd"),
    ],
)
@pytest.mark.parametrize("form", [True, False])
def test_a_bad_field_is_named_and_nothing_is_stored(
    api: httpx.Client, settings: Settings, sessions: Sessions, query: dict[str, str], field: str, form: bool
) -> None:
    if form:
        answer = api.post("/v1/videos", files={"file": ("x.mp4", MP4, "video/mp4")}, data=query)
    else:
        answer = api.post("/v1/videos", content=MP4, params=query)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert stored(settings) == []
    assert count(sessions) == (0, 0, 0)


def test_a_query_member_given_twice_is_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/videos?title=a&title=b", content=MP4)
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "title", "message": "Is given twice."}])


@pytest.mark.parametrize("written", ["1700000000", "1700000000.5", "2026-03-01", "2026-03-01T09:00:00"])
def test_a_time_that_may_be_misread_is_refused_with_one_that_can_t(api: httpx.Client, written: str) -> None:
    for answer in (
        api.post("/v1/videos", content=MP4, params={"recorded_at": written}),
        api.post("/v1/videos", files={"file": ("x.mp4", MP4)}, data={"recorded_at": written}),
        api.get("/v1/events", params={"recorded_from": written}),
    ):
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert error["field"] in {"recorded_at", "recorded_from"}
        assert error["message"] == "Must be a time in ISO 8601 with its offset from UTC, as in 2026-03-01T09:00:00+01:00."
    lost = api.get("/v1/events?recorded_from=2026-03-01T09:00:00+01:00")
    assert "%2B" in lost.json()["errors"][0]["message"]


def test_what_is_wrong_is_said_in_sentences(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    path = f"/v1/videos/{video['id']}/jobs"
    kind = {"id": "a", "description": "x"}
    for body, expected in (
        (b'{"sampling": {"fps": 99}}', {"field": "sampling.fps", "message": "Must be less than or equal to 8."}),
        (b'{"event_types": [{"id": "a"}]}', {"field": "event_types.0.description", "message": "This is required."}),
        (b'{"event_tipes": []}', {"field": "event_tipes", "message": "Nothing of this name is known here."}),
        (json.dumps({"event_types": [kind, kind]}).encode(), {"field": "event_types", "message": "Must have distinct ids."}),
        (b'{"instructions": "\\u0000"}', {"field": "instructions", "message": "Must hold no NUL character."}),
        (
            b'{"sampling": {"window_s": 10}}',
            {"field": "sampling", "message": "overlap_s may be half of window_s at the most."},
        ),
        (b"[]", {"field": "body", "message": "Must be an object."}),
    ):
        answer = api.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["errors"]) == (422, [expected])
        assert answer.json()["detail"] == f"{expected['field']}: {expected['message']}"


def test_a_body_that_is_not_json_is_named_as_that(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    answer = api.post(f"/v1/videos/{video['id']}/jobs", content=b"{", headers={"Content-Type": "application/json"})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "body")
    assert error["message"].startswith("This is not JSON: ")
    sent = api.post("/v1/videos", content=MP4, params={"request": "{"})
    assert sent.json()["errors"] == [{"field": "request", "message": "Must be JSON."}]


def test_a_form_is_one_whatever_the_case_of_its_type(api: httpx.Client) -> None:
    body = b'--AbC\r\nContent-Disposition: form-data; name="file"; filename="x.mp4"\r\n\r\n' + MP4 + b"\r\n--AbC--\r\n"
    answer = api.post("/v1/videos", content=body, headers={"Content-Type": "Multipart/Form-Data; Boundary=AbC"})
    assert (answer.status_code, answer.json()["video"]["bytes"]) == (202, len(MP4))


def test_asking_for_a_model_where_there_is_none_says_what_to_set(api: httpx.Client) -> None:
    answer = api.post("/v1/videos", content=MP4, params={"request": '{"analyzer": "model"}'})
    assert answer.json()["code"] == "model_not_configured"
    assert "PLAYHEAD_MODEL_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize(
    "question", [{"event_types": [{"id": "car", "description": "a car"}]}, {"instructions": "Mind the dog."}, {"model": "some/model"}]
)
def test_what_only_a_model_knows_is_warned_of_or_refused_where_there_is_none(
    api: httpx.Client, sessions: Sessions, question: dict[str, Any]
) -> None:
    [asked] = question
    sent = api.post("/v1/videos", content=MP4, params={"request": json.dumps(question)}).json()
    path = f"/v1/videos/{sent['video']['id']}/jobs"
    again = api.post(path, json=question).json()
    for job in (sent["job"], again, *api.get("/v1/jobs").json()["data"]):
        assert job["request"]["analyzer"] == "signals"
        [warning] = job["warnings"]
        assert warning["code"] == "model_not_configured"
        assert f"`{asked}` can't be answered" in warning["detail"]
    for answer in (
        api.post(path, json={"analyzer": "signals", **question}),
        api.post("/v1/videos", content=MP4, params={"request": json.dumps({"analyzer": "signals", **question})}),
    ):
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [asked]
        assert "it knows no" in answer.json()["detail"]
    assert count(sessions) == (1, 2, 2)


def test_votes_without_second_looks_are_refused_before_anything_is_stored(api: httpx.Client, sessions: Sessions) -> None:
    votes = {"verify": {"votes": 3}}
    refused = api.post("/v1/videos", content=MP4, params={"request": json.dumps(votes)})
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["verify.votes"])
    assert "`refine`" in refused.json()["detail"]
    assert count(sessions) == (0, 0, 0)
    video_id = api.post("/v1/videos", content=MP4, params={"request": json.dumps({**votes, "refine": True})}).json()["video"]["id"]
    for question in (votes, {"analyzer": "signals", **votes}):
        for path in ("jobs", "estimate"):
            answer = api.post(f"/v1/videos/{video_id}/{path}", json=question)
            assert (answer.status_code, answer.json().get("errors", [{}])[0].get("field")) == (422, "verify.votes")
    assert count(sessions) == (1, 1, 1)


def test_a_question_that_can_be_answered_carries_no_warning(api: httpx.Client, settings: Settings, api_key: str) -> None:
    assert api.post("/v1/videos", content=MP4).json()["job"]["warnings"] == []
    with_model = settings.model_copy(update={"model_url": "http://127.0.0.1:1/v1"})
    with serving(with_model) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}) as client:
        job = client.post("/v1/videos", content=MP4, params={"request": '{"instructions": "Mind the dog."}'}).json()["job"]
    assert (job["request"]["analyzer"], job["warnings"]) == ("model", [])


def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(settings: Settings, api_key: str, sessions: Sessions) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 5000})
    headers = {"Authorization": f"Bearer {api_key}"}
    with serving(small) as url, httpx.Client(base_url=url, headers=headers) as client:
        said = client.post("/v1/videos", content=MP4)
        unsaid = client.post("/v1/videos", content=iter([MP4[:4096], MP4[4096:]]))
        form = client.post("/v1/videos", files={"file": ("x.mp4", MP4)})
    for answer in (said, unsaid, form):
        assert (answer.status_code, answer.json()["code"], answer.json()["limit_bytes"]) == (413, "too_large", 5000)
    assert stored(settings) == []
    assert count(sessions) == (0, 0, 0)


@pytest.mark.parametrize("files", [{"other": ("x.mp4", MP4)}, {"title": (None, "no file at all")}])
def test_a_form_without_its_file_is_refused(api: httpx.Client, files: dict[str, Any]) -> None:
    answer = api.post("/v1/videos", files=files)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


def test_a_form_that_breaks_off_leaves_nothing(api: httpx.Client, settings: Settings, sessions: Sessions) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.mp4"\r\n\r\n' + MP4
    answer = api.post("/v1/videos", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert stored(settings) == []
    assert count(sessions) == (0, 0, 0)


def test_media_comes_back_whole_and_in_parts(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    path = f"/v1/videos/{video['id']}/media"
    whole = api.get(path)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, MP4, "bytes")
    assert whole.headers["content-type"] == "video/mp4"
    for header, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, len(MP4)),
        ("bytes=-10", len(MP4) - 10, len(MP4)),
        ("bytes=5-99999999", 5, len(MP4)),
    ):
        part = api.get(path, headers={"Range": header})
        assert (part.status_code, part.content) == (206, MP4[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(MP4)}"


@pytest.mark.parametrize("header", [f"bytes={len(MP4)}-", f"bytes={len(MP4)}-{len(MP4) + 5}", "bytes=-0"])
def test_a_range_with_nothing_in_it_is_a_problem_that_tells_the_size(api: httpx.Client, header: str) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    answer = api.get(f"/v1/videos/{video['id']}/media", headers={"Range": header})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(MP4)}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "frames=0-1", "nonsense"])
def test_a_range_that_means_nothing_is_ignored(api: httpx.Client, header: str) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    answer = api.get(f"/v1/videos/{video['id']}/media", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, MP4)


def test_a_part_is_given_whatever_the_case_of_its_unit_and_only_of_the_same_bytes(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    path = f"/v1/videos/{video['id']}/media"
    part = api.get(path, headers={"Range": "Bytes=0-1"})
    assert (part.status_code, part.content) == (206, MP4[:2])
    assert api.get(path, headers={"Range": "bytes=0-1", "If-Range": part.headers["etag"]}).content == MP4[:2]
    assert api.get(path, headers={"Range": "bytes=0-1", "If-Range": '"another"'}).content == MP4


def test_head_tells_of_media_what_get_would(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    path = f"/v1/videos/{video['id']}/media"
    head, whole = api.head(path, headers={"Range": "bytes=0-1"}), api.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]
    assert api.head(f"/v1/videos/{uuid4()}/media").status_code == 404


def test_deleting_a_video_removes_its_rows_and_its_bytes(api: httpx.Client, settings: Settings, sessions: Sessions) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    assert api.delete(f"/v1/videos/{video['id']}").status_code == 204
    assert api.get(f"/v1/videos/{video['id']}").status_code == 404
    assert api.delete(f"/v1/videos/{video['id']}").status_code == 404
    assert count(sessions) == (0, 0, 0)
    assert stored(settings) == []


def test_keys_are_asked_for_checked_and_limited_to_their_scopes(api: httpx.Client, sessions: Sessions) -> None:
    with sessions.begin() as session:
        reader = keys.create(session, name="reader", scopes=["read"])
    for headers, status, code in (
        ({"Authorization": ""}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer ph_wrong"}, 401, "invalid_api_key"),
        ({"Authorization": f"Bearer {reader}"}, 403, "missing_scope"),
    ):
        answer = api.post("/v1/videos", content=MP4, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert api.get("/v1/videos", headers={"Authorization": f"Bearer {reader}"}).status_code == 200


def test_lists_are_paged_newest_first(api: httpx.Client) -> None:
    ids = [api.post("/v1/videos", content=MP4, params={"custom_id": str(number % 2)}).json()["video"]["id"] for number in range(5)]
    first = api.get("/v1/videos", params={"limit": 3}).json()
    second = api.get("/v1/videos", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [video["id"] for video in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert [video["id"] for video in api.get("/v1/videos", params={"custom_id": "1"}).json()["data"]] == [ids[3], ids[1]]
    found = api.get("/v1/jobs", params={"video_id": ids[0], "status": ["queued", "failed"]}).json()["data"]
    assert [job["video_id"] for job in found] == [ids[0]]


def test_the_problem_s_shape_is_in_the_openapi(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert {"code", "request_id"} <= set(document["components"]["schemas"]["Problem"]["required"])
    answers = document["paths"]["/v1/videos/{video_id}"]["get"]["responses"]["404"]["content"]
    assert list(answers) == ["application/problem+json"]
    assert answers["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_a_question_over_the_limit_is_refused_before_it_is_read(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    body = b'{"instructions": "' + b"a" * 1024**2 + b'"}'
    for content in (body, iter([body])):  # one says how long it is, one doesn't
        answer = api.post(f"/v1/videos/{video['id']}/jobs", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_second_question_is_queued_and_a_wrong_one_named(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    path = f"/v1/videos/{video['id']}/jobs"
    plain = api.post(path)
    assert (plain.status_code, plain.json()["status"]) == (202, "queued")
    assert plain.headers["location"] == f"/v1/jobs/{plain.json()['id']}"
    for body, field in (
        ({"sampling": {"window_s": 10, "overlap_s": 6}}, "sampling"),
        ({"event_types": [{"id": "a b", "description": "x"}]}, "event_types.0.id"),
        ({"event_types": [{"id": "a", "description": "x", "fields": [{"name": "colour"}]}]}, "event_types.0.fields.0.type"),
    ):
        answer = api.post(path, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_names_in_any_script_come_through(api: httpx.Client) -> None:
    for name in ("видео.mp4", "日本.mp4", "Straße.mp4", "🎬.mp4"):
        answer = api.post("/v1/videos", files={"file": (name, MP4, "video/mp4")})
        assert (answer.status_code, answer.json()["video"]["filename"]) == (202, name)


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"a": "\\ud800"}'),
        ("metadata", '{"a": NaN}'),
        ("metadata", '{"a": 1e999}'),
        ("metadata", '{"a":' * 100 + "1" + "}" * 100),
        ("request", '{"instructions": "\\u0000"}'),
        ("request", '{"event_types": [{"id": "a", "description": "\\ud800"}]}'),
    ],
)
def test_what_no_database_can_hold_is_refused_before_it_is_stored(
    api: httpx.Client, sessions: Sessions, name: str, value: str, form: bool
) -> None:
    if form:
        answer = api.post("/v1/videos", files={"file": ("x.mp4", MP4)}, data={name: value})
    else:
        answer = api.post("/v1/videos", content=MP4, params={name: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"].startswith(name)
    assert count(sessions) == (0, 0, 0)
    assert api.get("/v1/videos").status_code == 200


def test_fields_that_nobody_knows_are_refused_as_they_come(api: httpx.Client) -> None:
    answer = api.post("/v1/videos", files=[("nonsense", (None, "x")), ("file", ("x.mp4", MP4))])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "nonsense")


def test_json_that_is_not_said_to_be_any_is_refused_with_what_to_say(api: httpx.Client) -> None:
    """As `curl -d` sends it."""
    video = api.post("/v1/videos", content=MP4).json()["video"]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/v1/videos", f"/v1/videos/{video['id']}/jobs", "/v1/webhooks"):
        for body in ('{"url": "https://example.com/street.mp4"}', ' {"analyzer": "signals"}'):
            answer = api.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
            assert "`Content-Type: application/json`" in answer.json()["detail"]
    assert api.post(f"/v1/videos/{video['id']}/jobs", headers=headers).status_code == 202, "no body is of no type"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["url"], "Is not sent in a form: send JSON, with `Content-Type: application/json`."),
        (["title", "title"], "Is given twice."),
        (["nonsense"], "Nothing of this name is known here."),
    ],
)
def test_a_field_that_a_form_can_t_have_is_told_why(api: httpx.Client, fields: list[str], message: str) -> None:
    answer = api.post("/v1/videos", files=[(name, (None, "x")) for name in fields])
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": fields[0], "message": message}])


def test_strange_requests_are_answered_and_not_bugs(api: httpx.Client) -> None:
    video = api.post("/v1/videos", content=MP4).json()["video"]
    assert api.get(f"/v1/videos/{video['id']}/media", headers={"Range": "bytes=" + "9" * 5000 + "-"}).status_code in {200, 416}
    assert api.get("/v1/videos", params={"custom_id": "\x00"}).status_code == 422
    boundary = {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"}
    assert api.post("/v1/videos", content=b"--", headers=boundary).status_code == 422
    cursor = base64.urlsafe_b64encode(json.dumps(["start_ms", 10**300, video["id"]]).encode()).decode()
    assert api.get("/v1/events", params={"cursor": cursor}).status_code == 422


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/jobs"])
def test_a_list_refuses_a_filter_that_it_does_not_know(api: httpx.Client, path: str) -> None:
    answer = api.get(path, params={"limit": 1, "staus": "failed"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "staus")


@pytest.mark.parametrize("place", [["-id", "x"], ["-id", None]])
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/jobs"])
def test_a_cursor_that_nobody_gave_is_refused(api: httpx.Client, path: str, place: list[Any]) -> None:
    answer = api.get(path, params={"cursor": base64.urlsafe_b64encode(json.dumps(place).encode()).decode()})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("body", [b'{"instructions": "\xff"}', b"[" * 5000])
def test_a_question_that_is_no_json_is_refused_by_name(api: httpx.Client, body: bytes) -> None:
    video_id = api.post("/v1/videos", content=MP4).json()["video"]["id"]
    answer = api.post(f"/v1/videos/{video_id}/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


def test_a_refused_upload_is_answered_though_its_sender_stops_in_the_middle(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=20) as sender:
        key = api.headers["authorization"]
        head = f"POST /v1/videos HTTP/1.1\r\nHost: here\r\nAuthorization: {key}\r\nContent-Length: 100000000000\r\n\r\n"
        sender.sendall(head.encode() + MP4)
        assert sender.recv(4096).startswith(b"HTTP/1.1 413")
