"""Whoever follows a job is told all that becomes of it: by whichever process, cut off wherever, and at no cost to anybody else."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine, event, make_url, update

from core.settings import Settings
from db import events, jobs, keys, videos
from db.models import Job, Window
from db.session import Sessions
from services.api.hub import Hub
from tests.chaos.proxy import proxies
from tests.conftest import serving
from tests.integration import rows
from tests.integration.following import HTTP, Follower, Message
from tests.integration.test_graceful_stop import STOPPED_S
from tests.integration.test_graceful_stop import api as stoppable
from tests.integration.test_retries import retry
from tests.integration.test_settling import FAILED, claim, finish, seen
from tests.polling import wait_until
from workers.runtime import Runtime, make_runtime
from workers.showing import show
from workers.sweeping import sweep

SPANS = [(start, start + 64_000) for start in range(0, 4 * 56_000, 56_000)]
LENGTH_MS = SPANS[-1][1]


@pytest.fixture
def hasty(settings: Settings) -> Settings:
    """Streams that look often, and show many signs of life."""
    return settings.model_copy(update={"stream_every": timedelta(milliseconds=5), "stream_heartbeat": timedelta(milliseconds=50)})


@pytest.fixture
def url(hasty: Settings) -> Iterator[str]:
    with serving(hasty) as address:
        yield address


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings)
    yield made
    made.sessions.engine.dispose()


@pytest.fixture
def job(sessions: Sessions, settings: Settings) -> Job:
    return new_job(sessions, settings)


def new_job(sessions: Sessions, settings: Settings) -> Job:
    return rows.job(sessions, rows.video(sessions, rows.workspace(sessions), duration_ms=LENGTH_MS), settings)[0]


@pytest.fixture
def follower(job: Job, api_key: str) -> Follower:
    return Follower(job.id, bearer(api_key))


def bearer(api_key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"}


def told(messages: Iterator[Message]) -> str:
    """The name of the next message that is more than a sign of life."""
    return next(message.name for message in messages if message.name)


def show_now(sessions: Sessions, runtime: Runtime, job: Job) -> None:
    """Whatever rest the last time has earned."""
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job.id).values(show_after=Job.created_at))
    show(runtime, job.id)


def truth(url: str, job: Job, api_key: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What plain requests tell."""
    statuses = {"job_id": str(job.id), "limit": 1000, "verification": ["confirmed", "rejected", "unverified"]}
    found, told = (
        HTTP.get(f"{url}{path}", params=params, headers=bearer(api_key)).json()
        for path, params in (("/v1/events", statuses), (f"/v1/jobs/{job.id}", {}))
    )
    return told, {each["id"]: each for each in found["data"]}


# What a window may show: nothing, something in its middle, something that goes over its start or its end, or both, or no answer at all.
SIGHTS: dict[str, list[tuple[int, int, dict[str, bool]]] | None] = {
    "nothing": [],
    "middle": [(20_000, 40_000, {})],
    "start": [(0, 20_000, {"open_start": True})],
    "end": [(50_000, 63_000, {"open_end": True})],
    "both": [(0, 15_000, {"open_start": True}), (50_000, 63_000, {"open_end": True})],
    "all": [(0, 63_000, {"open_start": True, "open_end": True})],
    "failure": None,
}


def answer(sessions: Sessions, window: Window, sight: str) -> None:
    shown = SIGHTS[sight]
    found = [seen("car", window.start_ms + first, window.start_ms + last, **more) for first, last, more in shown or ()]
    finish(sessions, claim(sessions, window), *found, **(FAILED if shown is None else {}))


@given(
    sights=st.lists(st.sampled_from(list(SIGHTS)), min_size=len(SPANS), max_size=len(SPANS)),
    order=st.permutations(range(len(SPANS))),
    cuts=st.lists(st.integers(1, 4), min_size=2 * len(SPANS), max_size=2 * len(SPANS)),
)
@examples(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_is_cut_off_anywhere_has_the_same_picture_in_the_end(
    sessions: Sessions, hasty: Settings, runtime: Runtime, url: str, api_key: str, sights: list[str], order: list[int], cuts: list[int]
) -> None:
    """Windows end in any order, with events that grow, are joined, and are taken back; and the job is retried where it was not whole."""
    job = new_job(sessions, hasty)
    steady, broken = Follower(job.id, bearer(api_key)), Follower(job.id, bearer(api_key))
    watching = threading.Thread(target=steady.follow, args=(url,))
    watching.start()
    windows = rows.planned(sessions, job, spans=SPANS)
    broken.see(url, 1)
    for place, cut in zip(order, cuts, strict=False):
        answer(sessions, windows[place], sights[place])
        show_now(sessions, runtime, job)
        broken.see(url, cut)
    watching.join()
    assert (steady.over, (steady.job, steady.events)) == ("end", truth(url, job, api_key))
    if steady.job["status"] != "succeeded":
        retry(sessions, job)
        for place in (place for place, sight in enumerate(sights) if sight == "failure"):
            broken.see(url, cuts[-1 - place])
            answer(sessions, windows[place], "middle")
        steady.follow(url)
    broken.follow(url)
    assert (broken.job, broken.events) == (steady.job, steady.events) == truth(url, job, api_key)


def test_going_on_after_each_message_tells_the_rest_and_repeats_none(
    sessions: Sessions, runtime: Runtime, url: str, job: Job, follower: Follower, api_key: str
) -> None:
    watching = threading.Thread(target=follower.follow, args=(url,))
    watching.start()
    windows = rows.planned(sessions, job, spans=SPANS)
    wait_until(lambda: follower.job, "the first message")
    for place, sight in ((1, "both"), (3, "middle"), (0, "end"), (2, "all")):
        known = len(follower.messages)
        answer(sessions, windows[place], sight)
        show_now(sessions, runtime, job)
        wait_until(lambda known=known: len(follower.messages) > known, "what became of it")
    watching.join()
    names = [message.name for message in follower.messages]
    assert {"job", "event", "withdrawn"} < set(names)
    assert names.count("end") == 1
    assert len({message.id for message in follower.messages}) == len(names)
    for count in range(len(names)):
        again = Follower(job.id, bearer(api_key))
        for message in follower.messages[:count]:
            again._noted(message)
        again.follow(url)
        assert (again.job, again.events, again.over) == (follower.job, follower.events, "end"), count
        told_twice = {message.id for message in follower.messages[:count]} & {message.id for message in again.messages[count:]}
        assert not told_twice
    follower.follow(url)
    assert len(follower.messages) == len(names), "whoever was told the end is not told it again"


def test_a_long_list_of_events_comes_in_pages_and_what_nobody_had_told_of_is_not_withdrawn(
    sessions: Sessions, url: str, job: Job, follower: Follower, api_key: str
) -> None:
    have_events(sessions, job, 251)
    have_events(sessions, job, 230)
    with sessions.begin() as session:
        jobs.cancel(session, job.workspace_id, job.id)
        session.execute(update(Job).values(status="canceled", completed_at=Job.created_at, stage="done"))
    follower.follow(url)
    assert [message.name for message in follower.messages] == ["event"] * 230 + ["end"]
    assert follower.job["status"] == "canceled"
    resumed = Follower(job.id, bearer(api_key), last_id=follower.messages[104].id)
    resumed.follow(url)
    assert [message for message in resumed.messages if message.name != "withdrawn"] == follower.messages[105:]


def have_events(sessions: Sessions, job: Job, count: int, *, description: str = "") -> None:
    """So many events, written as workers write them."""

    def row(number: int) -> dict[str, Any]:
        times = {"start_ms": number * 1000, "end_ms": number * 1000 + 500, "start_uncertainty_ms": 0, "end_uncertainty_ms": 0}
        of = {"workspace_id": job.workspace_id, "video_id": job.video_id, "job_id": job.id}
        said = {"type": "car", "title": "a car", "description": description, "confidence": None, "confidence_source": None}
        more = {"verification": {"status": "unverified", "reason": None}, "evidence_pts_ms": 0, "evidence_window_id": job.id}
        source = {"analyzer": "model", "model": None, "prompt_version": None, "window_ids": []}
        return {"id": UUID(int=number), **of, **said, **times, **more, "attributes": {}, "source": source, "recorded": None}

    with sessions.begin() as session:
        events.become(session, job.id, [row(number) for number in range(count)], provisional=True)


@contextmanager
def statements(*words: str) -> Iterator[list[str]]:
    """What this process sends to any database that has all the words in it."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if all(word in statement for word in words):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_many_who_follow_one_job_cost_one_query(sessions: Sessions, url: str, job: Job, api_key: str) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(Follower(job.id, bearer(api_key)).connected(url)) for _ in range(20)]
        assert [told(messages) for messages in crowd] == ["job"] * 20
        with statements("FROM events", "events.change") as sent:
            have_events(sessions, job, 1)
            for messages in crowd:
                assert "event" in (message.name for message in messages)
        assert len([statement for statement in sent if "LIMIT" in statement]) == 1


def test_while_nothing_changes_versions_are_all_that_is_asked(sessions: Sessions, hasty: Settings, job: Job) -> None:
    async def follow() -> None:
        hub = Hub(sessions, hasty)
        with hub.following(job.id) as followed:
            await followed.news(None)
            with statements() as sent:
                while sum("xmin" in statement for statement in sent) < 3:
                    await hub.pause()
                assert [statement for statement in sent if "xmin" not in statement] == []
        await hub.ended()

    asyncio.run(asyncio.wait_for(follow(), 20))


def test_nothing_is_asked_while_nobody_follows(sessions: Sessions, hasty: Settings, job: Job) -> None:
    async def follow() -> None:
        hub = Hub(sessions, hasty)
        with statements("xmin") as sent:
            with hub.following(job.id) as followed, hub.following(job.id):
                await followed.news(None)
            assert sent
            while hub._task is not None:
                await asyncio.wait([hub._task])
            looked = len(sent)
            with hub.following(job.id) as followed:
                await followed.news(None)
            assert len(sent) > looked
            await hub.ended()  # a look whose task is just canceled goes on in its thread

    asyncio.run(asyncio.wait_for(follow(), 20))


def test_signs_of_life_come_while_the_database_is_away_and_the_stream_goes_on_after(
    sessions: Sessions, hasty: Settings, job: Job, follower: Follower
) -> None:
    there = make_url(hasty.database_url.get_secret_value())
    with proxies() as links:
        near = there.set(port=links.open("database", there.port or 0)).render_as_string(hide_password=False)
        with serving(hasty.model_copy(update={"database_url": SecretStr(near)})) as address, follower.connected(address) as messages:
            assert told(messages) == "job"
            links.refuse("database")
            assert [next(messages).name for _ in range(3)] == ["", "", ""]
            have_events(sessions, job, 1)
            links.heal("database")
            assert "event" in (message.name for message in messages)


def test_a_deleted_video_ends_the_streams_of_its_jobs(sessions: Sessions, url: str, job: Job, follower: Follower, api_key: str) -> None:
    with follower.connected(url) as messages:
        assert told(messages) == "job"
        with sessions.begin() as session:
            videos.remove(session, job.workspace_id, job.video_id, again_after=timedelta(0))
        assert [message.name for message in messages if message.name] == ["deleted"]
    assert HTTP.get(f"{url}/v1/jobs/{job.id}/stream", headers=bearer(api_key)).status_code == 404


def test_a_canceled_job_ends_its_streams(
    runtime: Runtime, sessions: Sessions, url: str, job: Job, follower: Follower, api_key: str
) -> None:
    rows.planned(sessions, job, spans=SPANS)
    with follower.connected(url) as messages:
        assert told(messages) == "job"
        HTTP.post(f"{url}/v1/jobs/{job.id}/cancel", headers=bearer(api_key)).raise_for_status()
        sweep(runtime)
        assert [message.name for message in messages if message.name][-1] == "end"
    assert follower.job["status"] == "canceled"


def test_whoever_reads_nothing_is_cut_off(sessions: Sessions, hasty: Settings, job: Job, follower: Follower, api_key: str) -> None:
    """More than all the buffers on the way hold waits for somebody who has the only place there is."""
    have_events(sessions, job, 600, description="word " * 4000)
    strict = hasty.model_copy(update={"stream_patience": timedelta(milliseconds=200), "max_streams": 1})
    with serving(strict) as address, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        path = f"/v1/jobs/{job.id}/stream"
        deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {api_key}\r\n\r\n".encode())
        assert deaf.recv(8) == b"HTTP/1.1"
        with httpx.Client(base_url=address, headers=bearer(api_key)) as client:
            wait_until(lambda: client.get(f"/v1/jobs/{job.id}", params={"wait": 0.001}).status_code == 200, "its place to be free")
        with follower.connected(address) as messages:
            assert told(messages) == "event"


def test_more_than_may_follow_are_told_to_come_later(hasty: Settings, job: Job, follower: Follower) -> None:
    with serving(hasty.model_copy(update={"max_streams": 1})) as address, follower.connected(address) as messages:
        assert told(messages) == "job"
        for query in ("/stream", "?wait=1"):
            full = HTTP.get(f"{address}/v1/jobs/{job.id}{query}", headers=follower.headers)
            assert (full.status_code, full.json()["code"]) == (503, "too_many_streams")
            assert int(full.headers["Retry-After"]) > 0


def test_a_stream_that_lasted_long_enough_sends_its_client_back(hasty: Settings, job: Job, follower: Follower, sessions: Sessions) -> None:
    with serving(hasty.model_copy(update={"stream_time": timedelta(milliseconds=200)})) as address:
        with follower.connected(address) as messages:
            *_, last = messages
        assert int(last.retry) > 0
        have_events(sessions, job, 1)
        with follower.connected(address) as messages:
            assert told(messages) == "event"


def test_an_api_told_to_stop_sends_everybody_on_at_once(settings: Settings, job: Job, follower: Follower, api_key: str) -> None:
    answers: list[httpx.Response] = []
    with stoppable(settings, drain_s=600) as (port, process):
        address = f"http://127.0.0.1:{port}"

        def poll() -> None:
            answers.append(HTTP.get(f"{address}/v1/jobs/{job.id}", params={"wait": 60}, headers=bearer(api_key), timeout=90))

        polling = threading.Thread(target=poll)
        polling.start()
        with follower.connected(address) as messages:
            assert told(messages) == "job"
            process.send_signal(signal.SIGTERM)
            *_, last = messages
        assert 0 < int(last.retry) < 5000
        assert process.wait(STOPPED_S) in {0, -signal.SIGTERM}
        polling.join()
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "queued")]


def test_a_long_poll_answers_once_the_job_has_ended(sessions: Sessions, url: str, job: Job, api_key: str) -> None:
    [window] = rows.planned(sessions, job, spans=[(0, LENGTH_MS)])
    with httpx.Client(base_url=url, headers=bearer(api_key), timeout=90) as client:
        path = f"/v1/jobs/{job.id}"
        assert client.get(path, params={"wait": 0.01}).json()["status"] == "processing"
        ending = threading.Timer(0.1, answer, (sessions, window, "middle"))
        ending.start()
        ended = client.get(path, params={"wait": 60})
        ending.join()
        assert ended.json()["status"] == "succeeded"
        assert ended.json() == client.get(path).json() == client.get(path, params={"wait": 60}).json()
        assert client.get(path, params={"wait": 61}).json()["code"] == "invalid_request"


def test_a_long_poll_for_a_job_that_is_deleted_is_answered(sessions: Sessions, url: str, job: Job, api_key: str) -> None:
    def delete() -> None:
        with sessions.begin() as session:
            videos.remove(session, job.workspace_id, job.video_id, again_after=timedelta(0))

    deleting = threading.Timer(0.1, delete)
    deleting.start()
    gone = HTTP.get(f"{url}/v1/jobs/{job.id}", params={"wait": 60}, headers=bearer(api_key), timeout=90)
    deleting.join()
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("last_id", ["", "12", "x.y.z", f"7.{UUID(int=0).hex}.{'0' * 12}"])
def test_an_id_that_is_none_of_the_stream_s_is_refused(url: str, job: Job, api_key: str, last_id: str) -> None:
    for headers, params in (({"Last-Event-ID": last_id}, {}), ({}, {"after": last_id})):
        refused = HTTP.get(f"{url}/v1/jobs/{job.id}/stream", params=params, headers=bearer(api_key) | headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_another_workspace_s_job_is_not_followed(sessions: Sessions, url: str, settings: Settings, api_key: str) -> None:
    theirs, _ = rows.job(sessions, rows.video(sessions, rows.workspace(sessions, "theirs")), settings)
    for path in (f"/v1/jobs/{theirs.id}/stream", f"/v1/jobs/{theirs.id}?wait=30"):
        assert HTTP.get(f"{url}{path}", headers=bearer(api_key)).status_code == 404


def test_what_one_workspace_was_told_of_its_job_is_told_to_no_other(sessions: Sessions, url: str, job: Job, api_key: str) -> None:
    with sessions.begin() as session:
        their_key = keys.create(session, name="theirs", scopes=["read"], workspace="theirs")
    asked = [HTTP.get(f"{url}/v1/jobs/{job.id}", headers=bearer(key)).status_code for key in (api_key, their_key, api_key)]
    assert asked == [200, 404, 200]
