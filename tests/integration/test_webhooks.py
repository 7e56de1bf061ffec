"""Webhooks: who is told what, signed how, and what becomes of a message that nobody takes."""

import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text, update
from standardwebhooks import Webhook, WebhookVerificationError

from core.queue import DELIVER
from core.settings import Settings
from core.webhooks import JOB_ENDED, TYPES, new_secret
from db import deliveries, events, jobs, leases, webhooks, windows
from db.models import Delivery, Endpoint, Fetch, Job, Video, Window
from db.session import Sessions
from tests.elsewhere import Asked, Elsewhere, elsewhere, plain
from tests.integration import rows
from tests.polling import wait_until
from workers import announcing, settling
from workers.delivering import deliver, tries
from workers.events.detection import Detection
from workers.posting import RESPONSE_SHOWN
from workers.runtime import Runtime, make_runtime
from workers.stopping import Stop
from workers.sweeping import sweep

LEASE = timedelta(seconds=30)
Json = dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """127.0.0.1 stands for the public internet; all else of loopback is as private as it is."""
    return Settings.model_validate(
        {**settings.model_dump(), "outbound_http": True, "outbound_allow": ["127.0.0.1/32"], "webhook_timeout": 1, "webhook_in_flight": 2}
    )


@pytest.fixture
def receiver() -> Iterator[Elsewhere]:
    with elsewhere(plain(204, b"")) as there:
        yield there


@dataclass
class Post:
    """The queue, done by hand: what was rung for is in `rung`."""

    runtime: Runtime
    rung: list[tuple[str, object]]

    def work_off(self) -> None:
        while self.rung:
            task, endpoint_id = self.rung.pop(0)
            assert task == DELIVER
            deliver(self.runtime, UUID(str(endpoint_id)))

    def send(self, webhook: Json) -> None:
        self.rung.append((DELIVER, webhook["id"]))
        self.work_off()


@pytest.fixture
def post(settings: Settings) -> Iterator[Post]:
    made, rung = make_runtime(settings), list[tuple[str, object]]()
    yield Post(replace(made, ring=lambda task, row_id: rung.append((task, row_id))), rung)
    made.sessions.engine.dispose()


@dataclass
class Past:
    """Time that passes for the rows of one database."""

    sessions: Sessions

    def __call__(self, **values: timedelta) -> None:
        """Moves these members of every delivery into the past by so much."""
        with self.sessions.begin() as session:
            session.execute(update(Delivery).values({name: getattr(Delivery, name) - time for name, time in values.items()}))


@pytest.fixture
def past(sessions: Sessions) -> Past:
    return Past(sessions)


def webhook(api: httpx.Client, receiver: Elsewhere, **members: Any) -> Json:
    answer = api.post("/v1/webhooks", json={"url": receiver.url("/hook"), **members})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{found['id']}"
    return found


ENDINGS = {"succeeded": ("done",), "partial": ("done", "failed"), "failed": ("failed",), "canceled": ("done",)}
"""Of a job: how its windows ended. The first that is done shows a car."""


def settle(sessions: Sessions, settings: Settings, *, workspace: str = "default", status: str = "succeeded") -> Job:
    """A job that has just ended so, and whose video was brought in from elsewhere."""
    job, _ = rows.job(sessions, rows.video(sessions, rows.workspace(sessions, workspace)), settings)
    work = rows.planned(sessions, job, spans=[(0, 60_000), (60_000, 120_000)] if status == "partial" else [(0, 120_000)])
    values: dict[str, Json] = {
        "done": {"detections": [asdict(Detection("car", "a car", 10_000, 20_000))]},
        "failed": {"error": {"code": "bad_reply", "detail": "a loop"}},
    }
    with sessions.begin() as session:
        session.add(Fetch(workspace_id=job.workspace_id, job_id=job.id, state="done", bytes_done=4000, bytes_total=4000))
        taken = [leases.claim(session, Window, window.id, lease=LEASE, max_attempts=5) for window in work]
        if status == "canceled":
            jobs.cancel(session, job.workspace_id, job.id)
        for window, state in zip(taken, ENDINGS[status], strict=True):
            assert window
            settling.close(session, window, state=state, **values[state])
    return job


def verified(asked: Asked, secret: str) -> Json:
    """The message, held against its signature by the library that receivers use."""
    found: Json = Webhook(secret).verify(asked.body, asked.headers)
    return found


def delivered(api: httpx.Client, hook: Json, **params: Any) -> list[Json]:
    answer = api.get(f"/v1/webhooks/{hook['id']}/deliveries", params=params)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


def detail(api: httpx.Client, hook: Json, delivery: Json) -> Json:
    found: Json = api.get(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}").json()
    return found


def test_whoever_asked_is_told_of_the_end_and_of_each_event_as_the_api_shows_them(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post
) -> None:
    hook = webhook(api, receiver, events=["event.created", "job.succeeded"])
    webhook(api, receiver, events=["job.failed"])
    webhook(api, receiver, events=["job.canceled", "job.partial"])
    job = settle(sessions, settings)
    post.send(hook)
    told = {message["type"]: message for message in (verified(asked, hook["secret"]) for asked in receiver.book)}
    [event] = api.get("/v1/events").json()["data"]
    assert told == {
        "job.succeeded": {"type": "job.succeeded", "timestamp": told["job.succeeded"]["data"]["completed_at"], "data": told_of(api, job)},
        "event.created": {"type": "event.created", "timestamp": told["job.succeeded"]["timestamp"], "data": event},
    }
    assert {asked.headers["webhook-id"] for asked in receiver.book} == {each["id"] for each in delivered(api, hook, state="delivered")}
    assert {asked.headers["content-type"] for asked in receiver.book} == {"application/json"}
    with sessions.begin() as session:
        assert session.query(Delivery).count() == 2


def told_of(api: httpx.Client, job: Job) -> Json:
    found: Json = api.get(f"/v1/jobs/{job.id}").json()
    return found


@pytest.mark.parametrize("status", ENDINGS)
def test_each_end_is_told_to_whoever_asked_for_it_and_to_nobody_else(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post, status: str
) -> None:
    kind = f"job.{status}"
    hook, others = webhook(api, receiver, events=[kind]), webhook(api, receiver, events=[each for each in JOB_ENDED if each != kind])
    job = settle(sessions, settings, status=status)
    post.send(hook)
    post.send(others)
    [message] = [verified(asked, hook["secret"]) for asked in receiver.book]
    assert (message["type"], message["data"]["status"], message["data"]) == (kind, status, told_of(api, job))


@pytest.mark.parametrize(("status", "found"), [("succeeded", 1), ("partial", 1), ("failed", 0), ("canceled", 1)])
def test_each_event_is_told_however_its_job_ends(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post, status: str, found: int
) -> None:
    hook = webhook(api, receiver, events=["event.created"])
    settle(sessions, settings, status=status)
    post.send(hook)
    told = [verified(asked, hook["secret"]) for asked in receiver.book]
    assert [message["type"] for message in told] == ["event.created"] * found
    assert [message["data"] for message in told] == api.get("/v1/events").json()["data"]


def test_another_workspace_s_webhooks_hear_nothing_and_cannot_be_seen(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere
) -> None:
    hook = webhook(api, receiver, events=list(TYPES))
    settle(sessions, settings, workspace="another")
    assert delivered(api, hook) == []
    with sessions.begin() as session:
        elsewhere_id = rows.workspace(sessions, "another")
        other = webhooks.create(session, elsewhere_id, url="https://example.com", description=None, events=["job.failed"], at_most=5)
        message = deliveries.test(session, elsewhere_id, other.id)
    of_other = f"/v1/webhooks/{other.id}"
    asked = [
        ("GET", of_other),
        ("PATCH", of_other),
        ("DELETE", of_other),
        ("GET", f"{of_other}/secret"),
        *(("POST", f"{of_other}/{action}") for action in ("rotate", "test")),
        *(("GET", f"{place}/deliveries/{message.id}") for place in (of_other, f"/v1/webhooks/{hook['id']}")),
        ("GET", f"{of_other}/deliveries"),
        ("POST", f"{of_other}/deliveries/{message.id}/redeliver"),
    ]
    answers = [api.request(method, path, json={} if method == "PATCH" else None).status_code for method, path in asked]
    assert answers == [404] * len(asked)
    assert [each["id"] for each in api.get("/v1/webhooks").json()["data"]] == [hook["id"]]


def test_a_message_that_is_refused_comes_again_under_its_id_until_it_is_taken(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post, past: Past
) -> None:
    hook = webhook(api, receiver)
    settle(sessions, settings, status="failed")
    receiver.answer = plain(500, b"no room")
    post.send(hook)
    post.send(hook)
    assert len(receiver.book) == 1, "it waits for its time"
    [waiting] = delivered(api, hook, state="pending")
    assert (waiting["attempts"], waiting["last_try"]["status"], waiting["last_try"]["response"]) == (1, 500, "no room")
    receiver.answer = plain(204, b"")
    past(not_before=timedelta(seconds=7))
    sweep(post.runtime)
    post.work_off()
    assert [verified(asked, hook["secret"])["type"] for asked in receiver.book] == ["job.failed"] * 2
    assert {asked.headers["webhook-id"] for asked in receiver.book} == {waiting["id"]}
    [done] = delivered(api, hook, state="delivered")
    assert [(each["status"], each["error"]) for each in detail(api, hook, done)["tries"]] == [(500, "Answered with 500."), (204, None)]
    shown = api.get(f"/v1/webhooks/{hook['id']}").json()
    assert (shown["failures"], shown["last_success_at"] > shown["last_failure_at"]) == (0, True)


def test_a_message_that_nobody_takes_fails_and_can_be_sent_again_by_hand(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post, past: Past
) -> None:
    hook = webhook(api, receiver)
    settle(sessions, settings)
    receiver.answer = plain(503, b"")
    for _ in range(tries(settings.webhook_backoff)):
        post.send(hook)
        past(not_before=timedelta(days=1))
    post.send(hook)
    sweep(post.runtime)
    post.work_off()
    [failed] = delivered(api, hook, state="failed")
    assert (len(receiver.book), failed["attempts"], failed["next_try_at"]) == (8, 8, None)
    receiver.answer = plain(200)
    again = api.post(f"/v1/webhooks/{hook['id']}/deliveries/{failed['id']}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "pending", 0)
    post.send(hook)
    assert [each["id"] for each in delivered(api, hook, state="delivered")] == [failed["id"]]
    assert {asked.headers["webhook-id"] for asked in receiver.book} == {failed["id"]}
    assert len(detail(api, hook, failed)["tries"]) == 9


def test_a_receiver_that_is_gone_gets_nothing_more_until_it_is_enabled_again(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post
) -> None:
    hook = webhook(api, receiver)
    for _ in range(2):
        settle(sessions, settings)
    receiver.answer = plain(410, b"")
    post.send(hook)
    settle(sessions, settings)
    assert [each["state"] for each in delivered(api, hook)] == ["pending", "failed"], "nothing was written for it since"
    shown = api.get(f"/v1/webhooks/{hook['id']}").json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "It answered with 410: it is gone for good.")
    for action in ("test", f"deliveries/{delivered(api, hook)[0]['id']}/redeliver"):
        refused = api.post(f"/v1/webhooks/{hook['id']}/{action}")
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    receiver.answer = plain(200)
    shown = api.patch(f"/v1/webhooks/{hook['id']}", json={"enabled": True}).json()
    assert (shown["enabled"], shown["disabled_reason"], shown["failures"]) == (True, None, 0)
    sweep(post.runtime)
    post.work_off()
    assert [each["state"] for each in delivered(api, hook)] == ["delivered", "failed"]


def test_one_that_takes_nothing_for_days_is_disabled_with_the_reason(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post
) -> None:
    hook = webhook(api, receiver)
    settle(sessions, settings)
    receiver.answer = plain(302, b"", location=receiver.url("/elsewhere"))
    with sessions.begin() as session:
        long_ago = func.clock_timestamp() - settings.webhook_disable_after
        session.execute(update(Endpoint).values(failures=tries(settings.webhook_backoff) - 2, failing_since=long_ago))
    post.send(hook)
    assert api.get(f"/v1/webhooks/{hook['id']}").json()["enabled"], "so few tries may be a long weekend without any message"
    api.post(f"/v1/webhooks/{hook['id']}/test")
    post.send(hook)
    shown = api.get(f"/v1/webhooks/{hook['id']}").json()
    assert (shown["enabled"], shown["disabled_reason"].startswith("It took none of the last 8 tries, since ")) == (False, True)


def test_a_secret_that_was_replaced_signs_until_its_time_is_over(
    api: httpx.Client, sessions: Sessions, receiver: Elsewhere, post: Post
) -> None:
    hook = webhook(api, receiver)
    path = f"/v1/webhooks/{hook['id']}"
    rotated = api.post(f"{path}/rotate").json()
    assert rotated == api.get(f"{path}/secret").json()
    old, new = hook["secret"], rotated["secret"]
    api.post(f"{path}/test")
    post.send(hook)
    for secret in (old, new):
        assert verified(receiver.book[0], secret)["type"] == "webhook.test"
    with pytest.raises(WebhookVerificationError):
        verified(receiver.book[0], new_secret())
    with sessions.begin() as session:
        session.execute(update(Endpoint).values(old_secret_until=func.clock_timestamp()))
    api.post(f"{path}/test")
    post.send(hook)
    verified(receiver.book[1], new)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.book[1], old)
    for answer in (api.get(path), api.get("/v1/webhooks"), api.patch(path, json={})):
        assert not any(secret in answer.text for secret in (old, new))


def endless(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"a" * 65536)


def dripping(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    gone = threading.Event()
    while not gone.wait(0.2):
        handler.wfile.write(b"a: b\r\n")


def broken(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (plain(302, b"", location="http://127.0.0.1:9/"), "failed", "Answered with 302, which is not followed."),
        (endless, "delivered", None),
        (dripping, "failed", "It took longer than 1 s (PLAYHEAD_WEBHOOK_TIMEOUT)."),
        (broken, "failed", "127.0.0.1 can't be reached, or broke off (RemoteProtocolError)."),
        (plain(200, b"\x00\xff"), "delivered", None),
    ],
    ids=["redirect", "endless body", "dripping headers", "no answer", "bytes that are no text"],
)
def test_whatever_a_receiver_does_ends_in_time_and_is_told(
    api: httpx.Client, receiver: Elsewhere, post: Post, answer: Any, state: str, said: str | None
) -> None:
    receiver.answer = answer
    hook = webhook(api, receiver)
    assert api.post(f"/v1/webhooks/{hook['id']}/test").status_code == 202
    post.send(hook)
    [tried] = delivered(api, hook, type="webhook.test")
    assert (tried["state"], tried["last_try"]["error"], len(receiver.book)) == (state, said, 1)
    assert len(tried["last_try"]["response"] or "") <= RESPONSE_SHOWN


def test_no_private_address_is_posted_to_whenever_it_turns_out_to_be_one(
    api: httpx.Client, sessions: Sessions, receiver: Elsewhere, post: Post
) -> None:
    private = f"http://127.0.0.2:{receiver.port}/hook"
    for url in (private, "http://2130706433/", "https://user:pw@example.com/", "ftp://example.com/", "nonsense", "http://127.0.0.1:25/"):
        refused = api.post("/v1/webhooks", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "address_refused"), url
    hook = webhook(api, receiver)
    assert api.patch(f"/v1/webhooks/{hook['id']}", json={"url": private}).status_code == 422
    with sessions.begin() as session:
        session.execute(update(Endpoint).values(url=private))
    api.post(f"/v1/webhooks/{hook['id']}/test")
    with elsewhere(plain(204, b""), host="127.0.0.2") as inside:
        with sessions.begin() as session:
            session.execute(update(Endpoint).values(url=f"http://127.0.0.2:{inside.port}/"))
        post.send(hook)
    assert (inside.book, receiver.book) == ([], [])
    assert delivered(api, hook)[0]["last_try"]["error"].startswith("The URL is refused")


def test_a_slow_endpoint_has_few_messages_in_flight_and_keeps_no_other_waiting(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere
) -> None:
    slow, other = webhook(api, receiver), webhook(api, receiver)

    def taken(hook: Json) -> int:
        limits: Json = {"lease": LEASE, "in_flight": settings.webhook_in_flight, "max_attempts": 8}
        with sessions.begin() as session:
            return sum(deliveries.take(session, UUID(hook["id"]), **limits) is not None for _ in range(5))

    for _ in range(4):
        settle(sessions, settings)
    assert (taken(slow), taken(slow), taken(other)) == (2, 0, 2)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(lease_until=func.clock_timestamp() - LEASE))
        session.execute(update(Endpoint).where(Endpoint.id == UUID(slow["id"])).values(failures=3))
    assert (taken(slow), taken(other)) == (1, 2), "one at a time while it fails"


def test_a_worker_that_dies_leaves_a_message_to_others_and_to_nobody_once_its_tries_are_over(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post, past: Past
) -> None:
    hook = webhook(api, receiver)
    settle(sessions, settings)
    with sessions.begin() as session:
        assert deliveries.take(session, UUID(hook["id"]), lease=LEASE, in_flight=1, max_attempts=8)
    sweep(post.runtime)
    assert post.rung == []
    past(lease_until=2 * LEASE)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(attempts=8))
    sweep(post.runtime)
    assert [(each["state"], each["attempts"]) for each in delivered(api, hook)] == [("failed", 8)]
    past(created_at=settings.webhook_deliveries_kept)
    sweep(post.runtime)
    assert (delivered(api, hook), post.rung, receiver.book) == ([], [], [])


def test_a_worker_that_is_told_to_stop_hands_its_message_back_untried(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere, post: Post
) -> None:
    hook = webhook(api, receiver)
    settle(sessions, settings)
    asked, answer = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        asked.set()
        answer.wait(20)

    receiver.answer, stop = slow, Stop()
    patient = post.runtime.settings.model_copy(
        update={"webhook_timeout": timedelta(seconds=20), "stop_patience": timedelta(microseconds=1)}
    )
    worker = threading.Thread(target=deliver, args=(replace(post.runtime, settings=patient, stop=stop), UUID(hook["id"])))
    worker.start()
    wait_until(asked.is_set, "the message to arrive")
    stop.tell()
    worker.join(10)
    answer.set()
    [back] = delivered(api, hook)
    assert (back["state"], back["attempts"], back["last_try"]) == ("pending", 0, None)


def test_an_event_is_told_once_also_where_its_job_ends_again(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere
) -> None:
    hook = webhook(api, receiver, events=["job.succeeded", "event.created"])
    job = settle(sessions, settings)
    with sessions.begin() as session:
        assert announcing.announce(session, session.get_one(Job, job.id)) == [(DELIVER, UUID(hook["id"]))]
    assert sorted(each["type"] for each in delivered(api, hook)) == ["event.created", "job.succeeded", "job.succeeded"]


def test_many_events_are_told_to_many_endpoints_in_the_memory_that_one_takes(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere
) -> None:
    job = settle(sessions, settings)
    many = 2 * deliveries.WRITTEN_AT_ONCE + 1
    with sessions.begin() as session:
        [window] = windows.of_job(session, job.id)[0]
        video = session.get_one(Video, job.video_id)
        events.become(session, job.id, [rows.event(window, video, str(i), i, i + 1) for i in range(many)], provisional=False)
    one = webhook(api, receiver, events=["event.created"])
    peak_of_one = peak(sessions, job)
    hooks = [one, *(webhook(api, receiver, events=["event.created"]) for _ in range(6))]
    assert peak(sessions, job) < 1.5 * peak_of_one
    with sessions.begin() as session:
        told = session.execute(
            select(Delivery.endpoint_id, func.count(Delivery.event_id.distinct()), func.count()).group_by(Delivery.endpoint_id)
        )
        assert {str(endpoint_id): counts for endpoint_id, *counts in told} == {hook["id"]: [many, many] for hook in hooks}


def peak(sessions: Sessions, job: Job) -> int:
    """The most memory, in bytes, that it takes to announce a job."""
    tracemalloc.start()
    try:
        with sessions.begin() as session:
            announcing.announce(session, session.get_one(Job, job.id))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_endpoint_is_deleted_before_a_job_tells_it_or_after(
    api: httpx.Client, sessions: Sessions, settings: Settings, receiver: Elsewhere
) -> None:
    hook = webhook(api, receiver)
    job = settle(sessions, settings)
    deleting = threading.Thread(target=lambda: api.delete(f"/v1/webhooks/{hook['id']}"))
    with sessions.begin() as session:
        webhooks.subscribed(session, job.workspace_id, ["job.succeeded"])
        deleting.start()
        wait_until(lambda: _somebody_waits(sessions), "the deletion to wait")
        announcing.announce(session, session.get_one(Job, job.id))
    deleting.join(10)
    assert api.get(f"/v1/webhooks/{hook['id']}").status_code == 404
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0


def _somebody_waits(sessions: Sessions) -> bool:
    with sessions.begin() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_deliveries_come_in_pages_newest_first_by_state(api: httpx.Client, sessions: Sessions, receiver: Elsewhere, post: Post) -> None:
    hook = webhook(api, receiver)
    for _ in range(3):
        api.post(f"/v1/webhooks/{hook['id']}/test")
    post.send(hook)
    api.post(f"/v1/webhooks/{hook['id']}/test")
    path, found, params = f"/v1/webhooks/{hook['id']}/deliveries", list[Json](), {"state": "delivered", "limit": "2"}
    while True:
        page = api.get(path, params=params).json()
        found += page["data"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert [each["id"] for each in found] == sorted((each["id"] for each in found), reverse=True)
    assert (len(found), len(delivered(api, hook)), len(delivered(api, hook, state=["pending", "failed"]))) == (3, 4, 1)


def test_what_a_webhook_s_url_has_in_its_query_is_sent_and_never_shown(api: httpx.Client, receiver: Elsewhere, post: Post) -> None:
    hook = webhook(api, receiver, url=receiver.url("/hook?token=hunter2"))
    path = f"/v1/webhooks/{hook['id']}"
    api.post(f"{path}/test")
    receiver.answer = plain(500, b"")
    post.send(hook)
    changed = api.patch(path, json={"description": "The archive"}).json()
    shown = [hook, changed, api.get(path).json(), *api.get("/v1/webhooks").json()["data"]]
    assert [each["url"] for each in shown] == [receiver.url("/hook")] * 4
    assert "hunter2" not in api.get(f"{path}/deliveries").text
    assert [asked.path for asked in receiver.book] == ["/hook?token=hunter2"]


def test_a_webhook_is_changed_by_what_is_given_and_a_workspace_has_so_many(
    api: httpx.Client, settings: Settings, receiver: Elsewhere
) -> None:
    hook = webhook(api, receiver, description="The archive")
    path = f"/v1/webhooks/{hook['id']}"
    assert (hook["events"], hook["secret"].startswith("whsec_")) == (list(TYPES[:4]), True)
    changed = api.patch(path, json={"events": ["event.created", "job.failed"], "description": None}).json()
    assert (changed["events"], changed["description"], changed["url"]) == (["job.failed", "event.created"], None, hook["url"])
    for wrong in ({"url": None}, {"events": []}, {"events": ["job.begun"]}, {"enabled": None}, {"secret": "whsec_mine"}):
        assert api.patch(path, json=wrong).status_code == 422, wrong
    for _ in range(settings.max_webhooks - 1):
        webhook(api, receiver)
    refused = api.post("/v1/webhooks", json={"url": receiver.url()})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    webhook(api, receiver)
