"""A request that is sent again with its `Idempotency-Key` is carried out once, and answered as before."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update
from starlette.requests import Request

from core.settings import Settings
from db import idempotency, keys
from db.idempotency import Answer
from db.models import ApiKey, DoomedBlobs, IdempotencyKey, Job
from db.session import Sessions
from services.api import fingerprints
from services.api.sealing import Seal
from tests.conftest import serving
from tests.integration.test_uploads import MP4, count, stored
from tests.polling import wait_until

OTHER = MP4[:-1] + b"!"
CLIP = {"file": ("clip.mp4", MP4, "video/mp4")}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def upload(api: httpx.Client, key: str, content: bytes | Iterator[bytes] = MP4, **query: str) -> httpx.Response:
    return api.post("/v1/videos", content=content, params=query, headers=keyed(key))


def assert_replayed(again: httpx.Response, first: httpx.Response) -> None:
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["Content-Type"] == first.headers["Content-Type"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


REUSED, IN_FLIGHT = (422, "idempotency_key_reused"), (409, "idempotency_in_flight")


def test_an_upload_that_is_sent_again_is_the_same_video_and_the_same_job(api: httpx.Client, settings: Settings, sessions: Sessions) -> None:
    first = upload(api, "a-key", title="Yard", custom_id="7")
    again = api.post("/v1/videos", content=iter([MP4[:7], MP4[7:]]), params={"custom_id": "7", "title": "Yard"}, headers=keyed("a-key"))
    assert first.status_code == 202
    assert_replayed(again, first)
    assert count(sessions) == (1, 1, 1)
    assert len(stored(settings)) == 1
    with sessions.begin() as session:
        assert session.query(DoomedBlobs).count() == 0


def test_a_form_is_the_same_whatever_its_boundary_and_the_order_of_its_parts(api: httpx.Client, sessions: Sessions) -> None:
    def send(title: str = "Yard", **boundary: str) -> httpx.Response:
        parts: list[tuple[str, Any]] = [("title", (None, title)), ("metadata", (None, "{}")), *CLIP.items()]
        return api.post("/v1/videos", files=parts[::-1] if boundary else parts, headers=keyed("a-form") | boundary)

    first = send()
    assert_replayed(send(**{"Content-Type": "multipart/form-data; boundary=another"}), first)
    assert refused(send("Garden")) == REUSED
    assert count(sessions) == (1, 1, 1)


def test_a_key_stands_for_one_request(api: httpx.Client, sessions: Sessions) -> None:
    video_id = upload(api, "first").json()["video"]["id"]
    assert refused(upload(api, "first", OTHER)) == REUSED
    assert refused(upload(api, "first", MP4 + b"more")) == REUSED
    assert refused(upload(api, "first", iter([MP4, b"more"]))) == REUSED
    assert refused(upload(api, "first", title="Yard")) == REUSED
    assert refused(api.post("/v1/videos", files=CLIP, headers=keyed("first"))) == REUSED
    assert refused(api.post(f"/v1/videos/{video_id}/jobs", headers=keyed("first"))) == REUSED
    assert count(sessions) == (1, 1, 1)


def test_a_body_of_another_length_is_refused_before_it_has_come(api: httpx.Client, api_key: str) -> None:
    upload(api, "short")
    address = (api.base_url.host, api.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(
            f"POST /v1/videos HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {api_key}\r\nIdempotency-Key: short\r\n"
            f"Content-Length: {len(MP4) + 1}\r\n\r\n".encode()
            + MP4
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 422 ")


def test_the_same_json_in_another_order_is_the_same_question(api: httpx.Client, sessions: Sessions) -> None:
    path = f"/v1/videos/{upload(api, 'video').json()['video']['id']}/jobs"

    def ask(body: str) -> httpx.Response:
        return api.post(path, content=body, headers=keyed("question") | {"Content-Type": "application/json"})

    first = ask('{"analyzer": "signals", "sampling": {"fps": 2, "tolerance_s": 0.1}}')
    assert_replayed(ask('{"sampling":{"tolerance_s":0.1,"fps":2},"analyzer":"signals"}'), first)
    assert refused(ask('{"sampling":{"tolerance_s":0.1,"fps":1},"analyzer":"signals"}')) == REUSED
    assert count(sessions) == (1, 2, 2)


def test_every_job_s_post_is_carried_out_once(api: httpx.Client, sessions: Sessions) -> None:
    job = upload(api, "video").json()["job"]["id"]

    def twice(action: str) -> httpx.Response:
        first, again = (api.post(f"/v1/jobs/{job}/{action}", headers=keyed(action)) for _ in range(2))
        assert_replayed(again, first)
        return first

    assert twice("cancel").json()["status"] in {"canceled", "canceling"}
    with sessions.begin() as session:
        session.execute(update(Job).values(status="canceled", completed_at=func.now()))
    assert twice("retry").json()["status"] == "queued"
    assert api.get(f"/v1/jobs/{job}").json()["status"] == "queued"


def test_two_api_keys_may_use_the_same_word(api: httpx.Client, sessions: Sessions) -> None:
    with sessions.begin() as session:
        other = keys.create(session, name="other", scopes=["write"])
    first, second = upload(api, "same"), api.post("/v1/videos", content=MP4, headers=keyed("same") | {"Authorization": f"Bearer {other}"})
    assert first.json()["video"]["id"] != second.json()["video"]["id"]
    assert count(sessions) == (2, 2, 2)


def test_what_was_refused_keeps_nothing(api: httpx.Client, sessions: Sessions) -> None:
    assert refused(upload(api, "again", b"no video")) == (422, "not_a_video")
    assert refused(upload(api, "again", title="\x00")) == (422, "invalid_request")
    with sessions.begin() as session:
        assert session.query(IdempotencyKey).count() == 0
    assert upload(api, "again").status_code == 202


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "Straße", "tab\t."])
def test_a_malformed_key_is_refused(api: httpx.Client, sessions: Sessions, key: str) -> None:
    answer = api.post("/v1/videos", content=MP4, headers=[(b"Idempotency-Key", key.encode())])
    assert refused(answer) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert count(sessions) == (0, 0, 0)


def test_without_a_key_each_is_another(api: httpx.Client, sessions: Sessions) -> None:
    for _ in range(2):
        assert api.post("/v1/videos", content=MP4).status_code == 202
    assert count(sessions) == (2, 2, 2)


def test_who_may_not_write_any_more_gets_no_answer_again(api: httpx.Client) -> None:
    upload(api, "mine")
    me = api.get("/v1/me").json()["key"]["id"]
    assert api.patch(f"/v1/keys/{me}", json={"scopes": ["read"]}).status_code == 200
    assert refused(upload(api, "mine")) == (403, "missing_scope")


def test_a_new_api_key_is_shown_again_and_lies_nowhere(api: httpx.Client, sessions: Sessions) -> None:
    first, again = (api.post("/v1/keys", json={"name": "camera", "scopes": ["read"]}, headers=keyed("make")) for _ in range(2))
    assert_replayed(again, first)
    secret = first.json()["key"]
    with sessions.begin() as session:
        [row] = session.query(IdempotencyKey).all()
        assert row.answer is not None
        assert session.query(ApiKey).count() == 2
    assert not any(part in row.answer for part in (secret.encode(), secret[4:12].encode(), b"camera"))


class Dripping:
    """An upload that waits after its first piece until it is told to go on. `every_s`: meanwhile more of it comes so often."""

    def __init__(self, *, every_s: float = 30) -> None:
        self.begun, self.go_on, self._every_s = Event(), Event(), every_s

    def __iter__(self) -> Iterator[bytes]:
        yield MP4
        self.begun.set()
        while not self.go_on.wait(self._every_s):
            yield b"more"


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as pool:
        yield pool


def holder(sessions: Sessions) -> tuple[datetime, Any]:
    with sessions.begin() as session:
        row = session.query(IdempotencyKey).one()
        return row.lease_until, row.lease_token


def test_while_the_first_is_in_flight_the_second_is_told_to_come_back(
    api: httpx.Client, sessions: Sessions, elsewhere: ThreadPoolExecutor
) -> None:
    slow = Dripping()
    first = elsewhere.submit(upload, api, "slow", iter(slow))
    assert slow.begun.wait(10)
    wait_until(lambda: bool(sessions.run(lambda session: session.query(IdempotencyKey).count())), "the key to be held")
    second = upload(api, "slow")
    assert refused(second) == IN_FLIGHT
    assert 1 <= int(second.headers["Retry-After"]) <= 10
    slow.go_on.set()
    assert_replayed(upload(api, "slow") if first.result(30) else second, first.result())
    assert count(sessions) == (1, 1, 1)


@pytest.fixture
def hasty(settings: Settings, api_key: str) -> Iterator[httpx.Client]:
    """A server whose leases are over at once."""
    short = settings.model_copy(update={"idempotency_lease": timedelta(milliseconds=1)})
    with serving(short) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        yield client


def test_an_upload_that_goes_on_holds_its_key(hasty: httpx.Client, sessions: Sessions, elsewhere: ThreadPoolExecutor) -> None:
    slow = Dripping(every_s=0.02)
    first = elsewhere.submit(upload, hasty, "slow", iter(slow))
    assert slow.begun.wait(10)
    wait_until(lambda: bool(sessions.run(lambda session: session.query(IdempotencyKey).count())), "the key to be held")
    until, token = holder(sessions)
    try:
        wait_until(lambda: holder(sessions)[0] > until, "the lease to be renewed")
    finally:
        slow.go_on.set()
    assert first.result(30).status_code == 202
    assert holder(sessions)[1] == token


def test_an_upload_that_stands_still_is_overtaken_and_comes_to_nothing(
    hasty: httpx.Client, settings: Settings, sessions: Sessions, elsewhere: ThreadPoolExecutor
) -> None:
    slow = Dripping()
    first = elsewhere.submit(upload, hasty, "slow", iter(slow))
    assert slow.begun.wait(10)
    wait_until(lambda: bool(sessions.run(lambda session: session.query(IdempotencyKey).count())), "the key to be held")
    second = upload(hasty, "slow")
    assert second.status_code == 202, second.text
    slow.go_on.set()
    assert refused(first.result(30)) == IN_FLIGHT
    assert_replayed(upload(hasty, "slow"), second)
    assert count(sessions) == (1, 1, 1)
    assert len(stored(settings)) == 1


def test_fifty_at_once_have_one_effect(api: httpx.Client, sessions: Sessions, elsewhere: ThreadPoolExecutor) -> None:
    answers = list(elsewhere.map(lambda _: upload(api, "crowd"), range(50)))
    done = [answer for answer in answers if answer.status_code == 202]
    assert all(refused(answer) == IN_FLIGHT for answer in answers if answer not in done)
    [first] = [answer for answer in done if "Idempotent-Replayed" not in answer.headers]
    assert {answer.json()["job"]["id"] for answer in done} == {first.json()["job"]["id"]}
    assert count(sessions) == (1, 1, 1)


def test_answers_are_kept_for_as_long_as_the_settings_say(api: httpx.Client, sessions: Sessions) -> None:
    first = upload(api, "old")
    sessions.run(idempotency.expire)
    assert_replayed(upload(api, "old"), first)
    with sessions.begin() as session:
        left = session.scalar(select(IdempotencyKey.expires_at - func.now()))
        assert left is not None
        assert timedelta(hours=23) < left <= timedelta(hours=24)
        past = func.now() - timedelta(seconds=1)
        session.execute(update(IdempotencyKey).values(expires_at=past, lease_until=past))
    assert upload(api, "old", OTHER).json()["video"]["id"] != first.json()["video"]["id"]
    with sessions.begin() as session:
        session.execute(update(IdempotencyKey).values(expires_at=past, lease_until=past))
    sessions.run(idempotency.expire)
    with sessions.begin() as session:
        assert session.query(IdempotencyKey).count() == 0


def test_every_post_answers_as_before_and_only_whoever_may_ask(api: httpx.Client, sessions: Sessions) -> None:
    """Whatever it is: what is stored for it is given again. One that forgot about keys would be carried out."""
    with sessions.begin() as session:
        powerless = keys.create(session, name="powerless", scopes=[])
    paths = [path for path, methods in api.get("/openapi.json").json()["paths"].items() if "post" in methods]
    assert len(paths) > 5
    for path in (re.sub(r"{\w+}", str(uuid4()), path) for path in paths):
        for secret, replayed in ((api.headers["Authorization"].removeprefix("Bearer "), True), (powerless, False)):
            answered(sessions, secret, path)
            answer = api.post(path, content=MP4, headers=keyed("known") | {"Authorization": f"Bearer {secret}", "Tus-Resumable": "1.0.0"})
            assert answer.headers.get("Idempotent-Replayed") == ("true" if replayed else None), path
            assert (answer.status_code, answer.text) == (299, "known") if replayed else refused(answer) == (403, "missing_scope"), path


def answered(sessions: Sessions, secret: str, path: str) -> None:
    """Have an answer of its own stored for that address, with the key `known`."""
    asked = fingerprints.of_address(Request({"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}))
    with sessions.begin() as session:
        api_key_id = session.query(ApiKey).filter_by(sha256=keys.digest(secret)).one().id
        session.query(IdempotencyKey).delete()
        held = idempotency.claim(session, api_key_id, "known", asked=asked, lease=timedelta(seconds=1), kept=timedelta(hours=1))
        assert held
        sealed = Seal(secret, place=f"{api_key_id} known").close(json.dumps({"headers": {}, "body": "known"}))
        idempotency.keep(session, held, Answer(fingerprints.of_json(MP4), None, 299, sealed), kept=timedelta(hours=1))
