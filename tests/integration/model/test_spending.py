"""Windows of a job with a budget, asked about over real HTTP: what is called, what it costs, and what is left as a gap."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import update

from core.frames import pack
from core.settings import Settings
from db import budgets, leases, windows
from db.models import Budget, Event, Job, Segment, Window
from db.session import Sessions
from db.standings import Tally, standings
from tests.integration import rows
from tests.integration.model.conftest import MakeClient
from tests.integration.model.pictures import Seen, frames
from tests.model_server import ModelServer
from tests.model_server.misbehaving import of_kind, page, reset, slow, status
from tests.polling import wait_until
from workers.localizing import localize
from workers.model.kinds import of_the_decoder
from workers.runtime import Runtime, make_runtime

SEEN: Seen = {0: [(2000, 20_000)], 3: [(28_000, 31_000)]}
SPANS = [(start_ms, start_ms + 16_000) for start_ms in range(0, 160_000, 16_000)]


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    model = {"model_url": server.url, "model_api_key": SecretStr(server.key), "model_max_output_tokens": 100}
    return settings.model_copy(update={**model, "outage_backoff": timedelta(seconds=0.01)})


@pytest.fixture
def runtime(settings: Settings, make_client: MakeClient) -> Iterator[Runtime]:
    made = make_runtime(settings)
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as broker:
        broker.flushdb()
    yield replace(made, model=make_client(tries=1), ring=lambda *_: None)
    made.sessions.engine.dispose()


def windows_of(
    sessions: Sessions, runtime: Runtime, *, budget_usd: float | None, spans: list[tuple[int, int]] = SPANS
) -> tuple[Job, list[Window]]:
    video = rows.video(sessions, rows.workspace(sessions), duration_ms=spans[-1][1])
    job, _ = rows.job(sessions, video, runtime.settings, kinds=("mark_0", "mark_3"), budget_usd=budget_usd)
    planned = rows.planned(sessions, job, spans=spans)
    for window in planned:
        runtime.blobs.put(str(window.frames_key), pack(frames(window.frame_pts_ms, SEEN)))
    return job, planned


def bills(runtime: Runtime, sessions: Sessions, server: ModelServer, spans: list[tuple[int, int]] = SPANS[:1]) -> list[float]:
    """What calls cost where there is no budget; what is told to the server for the next calls is told it again."""
    told = server.control.pending_behaviours()
    _, planned = windows_of(sessions, runtime, budget_usd=None, spans=spans)
    for window in planned:
        localize(runtime, window.id)
    billed = [call["usage"]["cost"] for call in server.control.log()]
    server.control.clear()
    server.control.next(*told)
    return billed


def now(sessions: Sessions, job: Job) -> tuple[Job, Tally, Budget]:
    with sessions.begin() as session:
        return session.get_one(Job, job.id), standings(session, [job.id])[job.id].tally, session.get_one(Budget, job.id)


def until_done(runtime: Runtime, sessions: Sessions, window: Window) -> None:
    def ended() -> bool:
        localize(runtime, window.id)
        with sessions.begin() as session:
            return session.get_one(Window, window.id).state in {"done", "failed"}

    wait_until(ended, "the window to end")


@pytest.mark.parametrize("workers", [1, 4])
def test_at_the_cap_no_further_call_starts_and_the_job_ends_with_the_rest_as_gaps(
    runtime: Runtime, sessions: Sessions, server: ModelServer, workers: int
) -> None:
    (one,) = bills(runtime, sessions, server)
    budget = 5.5 * one
    server.control.always(slow(0.3))
    job, planned = windows_of(sessions, runtime, budget_usd=budget)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda window: localize(runtime, window.id), planned))
    ended, tally, kept = now(sessions, job)
    assert (ended.status, ended.error) == ("partial", None)
    assert 4 <= tally.calls == len(server.control.log()) <= 6
    assert server.control.cost_usd() == pytest.approx(float(tally.cost_usd), abs=1e-6)
    assert float(tally.cost_usd) <= budget
    assert (kept.spent_usd, kept.reserved_usd, kept.closed) == (tally.cost_usd, 0, True)
    assert ended.coverage is not None
    assert {gap["reason"] for gap in ended.coverage["gaps"]} == {"budget"}
    assert ended.coverage["ratio"] == pytest.approx(tally.calls / len(SPANS), abs=1e-4)
    assert [warning["code"] for warning in ended.warnings] == ["budget"]


def test_a_budget_that_covers_everything_changes_nothing(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, planned = windows_of(sessions, runtime, budget_usd=1)
    for window in planned:
        localize(runtime, window.id)
    ended, tally, kept = now(sessions, job)
    assert (ended.status, ended.warnings, tally.calls, kept.closed) == ("succeeded", [], len(SPANS), False)


def test_a_budget_for_nothing_makes_no_call_and_the_job_says_why_it_failed(
    runtime: Runtime, sessions: Sessions, server: ModelServer
) -> None:
    job, planned = windows_of(sessions, runtime, budget_usd=0)
    localize(runtime, planned[0].id)
    ended, tally, _ = now(sessions, job)
    assert (ended.status, ended.error and ended.error["code"], tally.calls, server.control.log()) == ("failed", "budget", 0, [])
    assert ended.coverage == {"ratio": 0.0, "gaps": [{"start_ms": 0, "end_ms": 160_000, "reason": "budget"}]}


def test_what_was_answered_before_the_cap_is_kept_to_the_part(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    """Two replies that can't be used, one half that is answered, and not quite enough for the other."""
    spans = [(0, 32_000)]
    server.control.next(of_kind("broken"), of_kind("broken"))
    *first, last = bills(runtime, sessions, server, spans)
    job, (window,) = windows_of(sessions, runtime, budget_usd=sum(first) + 0.9 * last, spans=spans)
    localize(runtime, window.id)
    ended, tally, _ = now(sessions, job)
    assert (ended.status, tally.calls, tally.windows_done) == ("partial", 3, 1)
    assert ended.coverage is not None
    assert [(gap["end_ms"], gap["reason"]) for gap in ended.coverage["gaps"]] == [(32_000, "budget")]
    with sessions.begin() as session:
        gaps = session.get_one(Window, window.id).gaps
    assert (len(gaps), of_the_decoder(gaps)) == (1, []), "another question about these frames has no such gap"
    assert float(tally.cost_usd) == pytest.approx(server.control.cost_usd(), abs=1e-7)


@pytest.mark.parametrize(
    ("behaviour", "uncertain"), [(status(503), False), (status(504), True), (reset(), True), (page(), True), (of_kind("empty"), False)]
)
def test_a_try_that_brings_nothing_is_settled_by_what_is_known_of_it(
    runtime: Runtime, sessions: Sessions, server: ModelServer, make_client: MakeClient, behaviour: Any, uncertain: bool
) -> None:
    server.control.next(behaviour)
    job, (window,) = windows_of(sessions, runtime, budget_usd=1, spans=[(0, 16_000)])
    until_done(replace(runtime, model=make_client(tries=2)), sessions, window)
    ended, tally, kept = now(sessions, job)
    assert (ended.status, tally.reserved_usd, kept.spent_usd) == ("succeeded", 0, tally.cost_usd)
    assert (tally.uncertain_usd > 0) is uncertain
    told = float(tally.cost_usd - tally.uncertain_usd)
    lost = sum(call["usage"]["cost"] for call in server.control.log()[:1] if call["usage"] and uncertain)
    assert told == pytest.approx(server.control.cost_usd() - lost, abs=1e-7)
    assert float(tally.uncertain_usd) >= lost


def test_what_a_worker_died_over_counts_as_spent_for_the_next(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, (window,) = windows_of(sessions, runtime, budget_usd=1, spans=[(0, 16_000)])
    with sessions.begin() as session:
        claimed = leases.claim(session, Window, window.id, lease=timedelta(seconds=30), max_attempts=5)
        assert claimed is not None
        budgets.reserve(session, claimed, Decimal("0.0005"))
        session.execute(update(Window).values(lease_until=Window.lease_until - timedelta(hours=1)))
    assert now(sessions, job)[1].reserved_usd == Decimal("0.0005")
    localize(runtime, window.id)
    ended, tally, kept = now(sessions, job)
    assert (ended.status, tally.calls, tally.uncertain_usd, tally.reserved_usd) == ("succeeded", 1, Decimal("0.0005"), 0)
    assert float(tally.cost_usd) == pytest.approx(0.0005 + server.control.cost_usd(), abs=1e-7)
    assert kept.spent_usd == tally.cost_usd


def test_a_stored_reply_costs_nothing_again_whatever_is_left(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, (window, _) = windows_of(sessions, runtime, budget_usd=1, spans=[(0, 32_000), (32_000, 48_000)])
    server.control.next(of_kind("broken"), of_kind("broken"), of_kind("honest"), status(503))
    localize(runtime, window.id)
    with sessions.begin() as session:
        session.execute(update(Budget).values(closed=True))
    server.control.clear()
    until_done(runtime, sessions, window)
    ended, tally, _ = now(sessions, job)
    assert (server.control.log(), tally.calls, ended.status) == ([], 3, "partial")
    with sessions.begin() as session:
        assert [each["type"] for each in session.get_one(Window, window.id).detections or ()] == ["mark_0"]


def test_nobody_waits_for_a_model_that_nobody_will_pay_for(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    """The budget is met by another window while the model is just failing this one."""
    server.control.always({**status(503), "delay_s": 1})
    job, planned = windows_of(sessions, runtime, budget_usd=1)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(localize, runtime, planned[0].id)
        wait_until(server.control.log, "the call")
        with sessions.begin() as session:
            session.execute(update(Budget).values(closed=True))
        asking.result()
    ended, _, _ = now(sessions, job)
    assert (ended.status, ended.error and ended.error["code"]) == ("failed", "budget")


def test_a_second_look_that_nobody_pays_for_leaves_its_event_unverified(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, (window,) = windows_of(sessions, runtime, budget_usd=1, spans=[(0, 24_000)])
    with sessions.begin() as session:
        session.execute(update(Job).values(request={**job.request, "refine": True}))
    localize(runtime, window.id)
    look = looked_at(sessions, runtime, job)
    server.control.clear()
    with sessions.begin() as session:
        session.execute(update(Budget).values(limit_usd=Budget.spent_usd))
    localize(runtime, look.id)
    ended, _, _ = now(sessions, job)
    assert (server.control.log(), ended.status, ended.coverage) == ([], "succeeded", {"ratio": 1.0, "gaps": []})
    assert {warning["code"] for warning in ended.warnings} == {"budget", "not_verified"}
    with sessions.begin() as session:
        assert {event.verification["status"] for event in session.query(Event)} == {"unverified"}


def test_votes_that_were_cast_before_the_cap_count(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, (window,) = windows_of(sessions, runtime, budget_usd=1, spans=[(0, 24_000)])
    with sessions.begin() as session:
        session.execute(update(Job).values(request={**job.request, "refine": True, "verify": {"votes": 3}}))
    localize(runtime, window.id)
    look = looked_at(sessions, runtime, job)
    server.control.next(of_kind("honest"), status(503))
    localize(runtime, look.id)
    with sessions.begin() as session:
        session.execute(update(Budget).values(limit_usd=Budget.spent_usd))
    until_done(runtime, sessions, look)
    assert now(sessions, job)[0].status == "succeeded"
    with sessions.begin() as session:
        (event,) = session.query(Event)
        assert event.verification["status"] == "confirmed"


def looked_at(sessions: Sessions, runtime: Runtime, job: Job) -> Window:
    """The first of the second looks that the job wants, sampled; the others are left out."""
    with sessions.begin() as session:
        segment = session.query(Segment).filter_by(job_id=job.id, pass_=1).one()
        segment.state, (seq, start_ms, end_ms, look) = "done", segment.windows[0]
        times = list(range(start_ms, end_ms, 250))
        row = {"job_id": job.id, "workspace_id": job.workspace_id, "pass_": 1, "seq": seq, "start_ms": start_ms, "end_ms": end_ms}
        windows.add(session, {**row, "look": look, "frames_key": "look", "frame_pts_ms": times, "signals": []})
        runtime.blobs.put("look", pack(frames(times, SEEN)))
        return session.query(Window).filter_by(job_id=job.id, pass_=1).one()


def test_a_job_whose_budget_is_met_plans_no_second_looks(runtime: Runtime, sessions: Sessions, server: ModelServer) -> None:
    job, planned = windows_of(sessions, runtime, budget_usd=1, spans=SPANS[:2])
    with sessions.begin() as session:
        session.execute(update(Job).values(request={**job.request, "refine": True}))
    localize(runtime, planned[0].id)
    with sessions.begin() as session:
        session.execute(update(Budget).values(limit_usd=Budget.spent_usd))
    localize(runtime, planned[1].id)
    assert now(sessions, job)[0].status == "partial"
    with sessions.begin() as session:
        assert session.query(Segment).filter_by(pass_=1).count() == 0
