"""A window's row, from its frames to its end: what is stored, what is lost, and that nothing is paid for twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy.orm import undefer

from core.frames import pack
from core.settings import Settings
from db import retries
from db.models import Job, Window
from db.session import Sessions
from tests.integration import rows
from tests.integration.model.conftest import MakeClient
from tests.integration.model.pictures import Seen, frames
from tests.model_server import ModelServer
from tests.model_server.misbehaving import billed, broken_from, loop, of_kind, picky, status
from tests.polling import wait_until
from workers.localizing import localize
from workers.runtime import Runtime, make_runtime

SEEN: Seen = {0: [(2000, 20_000)], 3: [(28_000, 31_000)]}
SPANS = [(0, 32_000), (24_000, 40_000)]


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    model = {"model_url": server.url, "model_api_key": SecretStr(server.key)}
    return settings.model_copy(update={**model, "outage_backoff": timedelta(seconds=0.01)})


@pytest.fixture
def runtime(settings: Settings, make_client: MakeClient) -> Iterator[Runtime]:
    made = make_runtime(settings)
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as broker:
        broker.flushdb()  # of what other tests taught
    yield replace(made, model=make_client(tries=1))
    made.sessions.engine.dispose()


@pytest.fixture
def job(sessions: Sessions, settings: Settings) -> Job:
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=40_000)
    return rows.job(sessions, video, settings, kinds=("mark_0", "mark_3"))[0]


@pytest.fixture
def windows(sessions: Sessions, runtime: Runtime, job: Job) -> list[Window]:
    planned = rows.planned(sessions, job, spans=SPANS)
    for window in planned:
        runtime.blobs.put(str(window.frames_key), pack(frames(window.frame_pts_ms, SEEN)))
    return planned


def now(sessions: Sessions, window: Window) -> tuple[Window, Job]:
    with sessions.begin() as session:
        row = session.get_one(Window, window.id, options=[undefer(Window.raw_reply)])
        return row, session.get_one(Job, window.job_id)


def localize_again(runtime: Runtime, sessions: Sessions, window: Window) -> Window:
    """Once it is due."""

    def ended() -> Window | None:
        localize(runtime, window.id)
        row, _ = now(sessions, window)
        return row if row.state == "done" else None

    return wait_until(ended, "the window to be done")


def found(row: Window) -> list[tuple[str, int, int]]:
    return [(each["type"], each["first_pts_ms"], each["last_pts_ms"]) for each in row.detections or ()]


def test_parts_become_one_row_with_every_reply_and_every_cent(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer
) -> None:
    server.control.next(of_kind("broken"), of_kind("broken"))
    localize(runtime, windows[0].id)
    row, _ = now(sessions, windows[0])
    assert (row.state, row.gaps, row.calls) == ("done", [], 4)
    assert found(row) == [("mark_0", 2000, 20_000), ("mark_3", 28_000, 31_000)]
    assert float(row.cost_usd) == pytest.approx(server.control.cost_usd(), abs=1e-7)
    assert row.raw_reply is not None
    assert [reply["part"] for reply in row.raw_reply["replies"]] == [[0, 32], [0, 32], [0, 17], [15, 32]]
    assert row.raw_reply["bad"] == {"invalid_json": 2}


def test_a_part_without_an_answer_is_a_gap_of_the_job_and_its_neighbour_fills_what_it_saw(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer
) -> None:
    server.control.always(broken_from(30_000))
    localize(runtime, windows[0].id)
    row, _ = now(sessions, windows[0])
    assert (row.state, row.gaps) == ("done", [[24_000, 32_000, "bad_reply"]])
    assert found(row) == [("mark_0", 2000, 20_000)]
    server.control.honest()
    localize(runtime, windows[1].id)
    _, ended = now(sessions, windows[1])
    assert (ended.status, ended.coverage) == ("partial", {"ratio": 1.0, "gaps": []})
    assert "windows_failed" in [warning["code"] for warning in ended.warnings]


def test_what_nobody_answered_is_told_with_its_reason(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer
) -> None:
    server.control.always(broken_from(20_000))
    localize(runtime, windows[0].id)
    localize(runtime, windows[1].id)
    row, ended = now(sessions, windows[1])
    assert (row.state, row.error and row.error["code"]) == ("failed", "bad_reply")
    assert ended.status == "partial"
    assert ended.coverage == {"ratio": 0.425, "gaps": [{"start_ms": 17_000, "end_ms": 40_000, "reason": "bad_reply"}]}


def paid(server: ModelServer) -> list[tuple[int, int, int]]:
    """What was asked and answered: the first frame, how many, and the seed."""
    return [(call["frames"][0]["mark_ms"], len(call["frames"]), call["seed"]) for call in server.control.log() if call["usage"]]


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_no_part_is_paid_for_twice(runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer, answered: int) -> None:
    """The model goes away in the middle of it, and comes back."""
    replies: list[Any] = [of_kind("broken"), of_kind("broken"), of_kind("honest")]
    server.control.next(*replies[:answered], status(503))
    localize(runtime, windows[0].id)
    row, _ = now(sessions, windows[0])
    assert (row.state, row.calls) == ("pending", answered)
    server.control.next(*replies[answered:])
    row = localize_again(runtime, sessions, windows[0])
    assert (row.calls, row.attempts) == (4, 1)
    assert found(row) == [("mark_0", 2000, 20_000), ("mark_3", 28_000, 31_000)]
    assert paid(server) == [(0, 32, 1), (0, 32, 2), (0, 17, 1), (15_000, 17, 1)]


def test_what_was_too_much_is_not_sent_again(runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer) -> None:
    server.control.next(picky(images=20), status(503))
    localize(runtime, windows[0].id)
    localize_again(runtime, sessions, windows[0])
    assert [call["status"] for call in server.control.log()] == [400, 503, 200, 200]


@pytest.mark.parametrize("limit", [{"images": 10}, {"size": 200_000}])
def test_a_limit_that_one_worker_met_is_known_to_the_others(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer, limit: dict[str, int]
) -> None:
    server.control.always(picky(**limit))
    localize(runtime, windows[0].id)
    assert {call["status"] for call in server.control.log()} > {200}
    server.control.clear()
    another = make_runtime(runtime.settings)
    localize(replace(runtime, limits=another.limits), windows[1].id)
    calls = server.control.log()
    assert len(calls) > 1
    assert {call["status"] for call in calls} == {200}
    row, ended = now(sessions, windows[1])
    assert (found(row), ended.status) == ([("mark_3", 28_000, 31_000)], "succeeded")
    assert another.limits.frames_in_a_call("another/model", frames(row.frame_pts_ms, SEEN), beside=lambda: 0) == len(row.frame_pts_ms)


def test_what_the_window_before_left_open_is_told_where_it_is_known_already(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer
) -> None:
    localize(runtime, windows[0].id)
    localize(runtime, windows[1].id)
    first, second = server.control.log()
    assert "By the frames before" not in first["question"]
    assert "still going on as they begin: mark_3." in second["question"]


@pytest.mark.parametrize(("share", "warned"), [(1, False), (0.7, False), (1.5, False), (0.3, True), (3, True)])
def test_a_bill_far_from_what_was_shown_is_told_once(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer, share: float, warned: bool
) -> None:
    server.control.always(billed(share))
    for window in windows:
        localize(runtime, window.id)
    _, ended = now(sessions, windows[0])
    assert [warning["code"] for warning in ended.warnings] == ["tokens_unexpected"] * warned


def test_a_job_counts_the_replies_that_could_not_be_used_by_kind(
    runtime: Runtime, sessions: Sessions, windows: list[Window], server: ModelServer
) -> None:
    server.control.next(of_kind("broken"), of_kind("honest"), loop(every_s=1, until_s=60), of_kind("broken"))
    for window in windows:
        localize(runtime, window.id)
    _, ended = now(sessions, windows[0])
    assert ended.status == "succeeded"
    (warning,) = ended.warnings
    assert warning["code"] == "bad_replies"
    assert warning["detail"].startswith("3 of the model's replies could not be used (invalid_json 2, loop 1).")


def test_nobody_waits_for_the_window_before(runtime: Runtime, windows: list[Window], server: ModelServer) -> None:
    localize(runtime, windows[1].id)
    (call,) = server.control.log()
    assert "By the frames before" not in call["question"]


def retry(sessions: Sessions, job: Job) -> None:
    with sessions.begin() as session:
        retries.retry(session, job.workspace_id, job.id, budget_usd=None, deadline=timedelta(hours=1))


def test_a_retry_asks_for_the_part_that_has_no_answer_and_for_no_other(
    runtime: Runtime, sessions: Sessions, job: Job, windows: list[Window], server: ModelServer
) -> None:
    server.control.always(broken_from(30_000))
    for window in windows:
        localize(runtime, window.id)
    row, _ = now(sessions, windows[0])
    assert (row.state, row.gaps) == ("done", [[24_000, 32_000, "bad_reply"]])
    calls, cost_usd = row.calls, row.cost_usd
    server.control.honest()
    server.control.clear()
    retry(sessions, job)
    for window in windows:
        localize(runtime, window.id)
    row, ended = now(sessions, windows[0])
    assert (row.state, row.gaps, ended.status) == ("done", [], "succeeded")
    assert found(row) == [("mark_0", 2000, 20_000), ("mark_3", 28_000, 31_000)]
    asked = [(call["frames"][0]["mark_ms"], call["frames"][-1]["mark_ms"]) for call in server.control.log()]
    assert asked == [(23_000, 31_000), (28_000, 32_000), (32_000, 39_000)], "the parts of both windows that were broken, to the frame"
    assert {call["seed"] for call in server.control.log()} == {3}, "what a model that does not change its mind said before is of no use"
    assert row.calls == calls + 1
    assert row.cost_usd > cost_usd


def test_a_retry_of_what_was_too_large_asks_what_the_server_takes_by_now(
    runtime: Runtime, sessions: Sessions, job: Job, windows: list[Window], server: ModelServer
) -> None:
    server.control.always(picky(images=0))
    localize(runtime, windows[0].id)
    localize(runtime, windows[1].id)
    row, ended = now(sessions, windows[0])
    assert (row.state, row.error and row.error["code"], ended.status) == ("failed", "prompt_too_large", "failed")
    server.control.honest()
    retry(sessions, job)
    with redis.Redis.from_url(runtime.settings.redis_url.get_secret_value()) as broker:
        broker.flushdb()
    localize(runtime, windows[0].id)
    localize(runtime, windows[1].id)
    row, ended = now(sessions, windows[0])
    assert (row.state, row.calls, ended.status) == ("done", 1, "succeeded")
