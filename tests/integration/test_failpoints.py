"""A process is killed at every moment that matters, one after the other; each time the sweeper brings the job to its right end.

The moments are found, not listed: whatever passes through a seam of the product (a commit, a blob, a message, a call) is one, so that a new
transaction is tried here by itself.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import count
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from db import leases, webhooks
from db.models import ApiKey, Base, Budget, Delivery, Event, Job, Plan, Segment, Video, Window
from tests.elsewhere import elsewhere, plain
from tests.integration import rows
from tests.integration.mortal import UNCOMMITTED, Deaf, Fate, Killed, Meddling, MortalRing
from tests.integration.world import (
    WINDOWS,
    Sender,
    World,
    analyse,
    answers_stored,
    ask,
    assert_no_orphans,
    assert_whole,
    forget,
    pass_time,
    post,
    recover,
    told,
    upload,
    work_off,
)
from workers import settling
from workers.events.detection import Detection
from workers.fetching import fetch
from workers.runtime import Runtime
from workers.sweeping import sweep


def test_an_upload_killed_at_any_moment_is_a_job_or_nothing(world: World) -> None:
    for at in count():
        fate = Fate(at)
        status, _ = upload(world, fate)
        with world.sessions.begin() as session:
            videos = session.query(Video).count()
        if status is not None:
            assert (status, videos) == (202, 1)
        recover(world)
        if videos:
            assert_whole(world, calls=len(world.model.asked), lost_answers=0)
        else:
            assert_no_orphans(world)
            assert world.blobs.keys("") == [], fate.crossed
        forget(world)
        if not fate.dead:
            break
    assert at > 4, fate.crossed


def test_an_upload_in_pieces_killed_at_any_moment_goes_on_from_there_and_is_one_job(world: World) -> None:
    for at in count():
        fate, sender = Fate(at), Sender(world)
        with told(fate):
            if not sender.go_on(fate):
                assert sender.go_on(Fate(None))
            recover(world)
            assert_whole(world, calls=WINDOWS, lost_answers=0)
        forget(world)
        if not fate.dead:
            break
    assert fate.crossed.count("blob, no row") == 2, "the clip came in two pieces"


def test_an_upload_in_pieces_survives_a_commit_whose_answer_was_lost(world: World) -> None:
    for at in count():
        fate, sender = Deaf(at), Sender(world)
        with told(fate):
            if not sender.go_on(fate):
                assert sender.go_on(Fate(None))
            recover(world)
            assert_whole(world, calls=WINDOWS, lost_answers=0)
        forget(world)
        if fate.over:
            break


def test_a_worker_killed_at_any_moment_of_bringing_a_video_in_is_followed(world: World) -> None:
    for at in count():
        sender, fate = Sender(world), Fate(at)
        assert sender.go_on(Fate(None))
        [(_, fetch_id)] = sender.rung
        runtime, _ = world.worker(fate)
        with told(fate):
            with suppress(Killed):
                fetch(runtime, UUID(str(fetch_id)))
            recover(world)
            assert_whole(world, calls=WINDOWS, lost_answers=0)
        forget(world)
        if not fate.dead:
            break
    assert {"upload, not whole", "blob, no row", UNCOMMITTED, "committed"} <= set(fate.crossed)


def test_a_worker_killed_at_any_moment_costs_no_result_and_no_stored_answer(world: World) -> None:
    died = Counter[str]()
    for at in count():
        fate = Fate(at)
        try:
            analyse(world, fate)
        except Killed:
            died[fate.crossed[-1]] += 1
        lost_answers = len(world.model.asked) - answers_stored(world)
        assert lost_answers <= 1
        with told(fate):
            recover(world)
            assert_whole(world, calls=len(world.model.asked), lost_answers=lost_answers)
        forget(world)
        if not fate.dead:
            break
    assert set(died) == {"blob, no row", UNCOMMITTED, "committed", "asked, no answer"}


def test_a_worker_killed_at_any_moment_of_a_job_s_end_tells_its_webhook_at_least_once_under_one_id(world: World) -> None:
    """Between the end and the messages' rows, a message and its ring, the receiver's answer and its row."""
    with elsewhere(plain(204, b"")) as receiver:
        workspace_id = rows.workspace(world.sessions)
        with world.sessions.begin() as session:
            asked_for = ["job.succeeded", "event.created"]
            secret = webhooks.create(session, workspace_id, url=receiver.url(), description=None, events=asked_for, at_most=1).secret
        for at in count():
            job, _ = rows.job(world.sessions, rows.video(world.sessions, workspace_id), world.settings)
            [window] = rows.planned(world.sessions, job, spans=[(0, 120_000)])
            fate = Fate(at)
            with suppress(Killed):
                end(*world.worker(fate), window)
            with told(fate):
                pass_time(world)
                runtime, ring = world.worker(Fate(None))
                end(runtime, ring, window)
                sweep(runtime)
                work_off(runtime, ring)
                with world.sessions.begin() as session:
                    messages = {str(each.id): (each.type, each.state) for each in session.query(Delivery).filter_by(job_id=job.id)}
                assert sorted(messages.values()) == [("event.created", "delivered"), ("job.succeeded", "delivered")]
                came = Counter(asked.headers["webhook-id"] for asked in receiver.book)
                assert came.keys() == messages.keys()
                assert came.total() <= len(messages) + fate.dead, "twice, where the row of its answer was not written"
                for asked in receiver.book:
                    Webhook(secret).verify(asked.body, asked.headers)
            receiver.book.clear()
            if not fate.dead:
                break
    assert set(fate.crossed) == {UNCOMMITTED, "committed"}
    assert at >= 2 * (2 + 2 * len(messages)), "claimed, ended, and each message taken and written down"


def end(runtime: Runtime, ring: MortalRing, window: Window) -> None:
    """What a worker does with the last answer of a job, unless somebody has; and what that rings for."""
    claimed = runtime.sessions.run(partial(leases.claim, kind=Window, row_id=window.id, lease=runtime.settings.lease, max_attempts=9))
    if claimed:
        found = [asdict(Detection("car", "a car", 10_000, 20_000))]
        runtime.ring_for(runtime.sessions.run(lambda session: settling.close(session, claimed, state="done", detections=found)))
    work_off(runtime, ring)


def test_a_job_canceled_at_any_moment_ends_and_a_retry_makes_no_call_twice(world: World) -> None:
    for at in count():
        fate = Meddling(at, act=lambda: ask(world, "POST", "cancel"))
        analyse(world, fate)
        with told(fate):
            recover(world)
            with world.sessions.begin() as session:
                [job] = session.query(Job).all()
            assert job.status in {"canceled", "succeeded"}
            assert ask(world, "POST", "retry") == (409 if job.status == "succeeded" else 202)
            recover(world)
            assert_whole(world, calls=len(world.model.asked), lost_answers=0)
            assert len(world.model.asked) == WINDOWS
        forget(world)
        if fate.over:
            break


def test_a_video_deleted_at_any_moment_stays_deleted_with_all_that_was_made_of_it(world: World) -> None:
    for at in count():
        fate = Meddling(at, act=lambda: ask(world, "DELETE"))
        analyse(world, fate)
        with told(fate):
            if fate.over:
                break
            recover(world)
            with world.sessions.begin() as session:
                left = [session.query(kind).count() for kind in (Video, Job, Plan, Segment, Window, Event, Budget)]
            assert (left, world.blobs.keys("")) == ([0] * 7, [])
        forget(world)


def test_a_deletion_killed_at_any_moment_is_whole_or_did_not_happen(world: World) -> None:
    for at in count():
        analyse(world, Fate(None))
        fate = Fate(at)
        with told(fate):
            status = ask(world, "DELETE", fate=fate)
            with world.sessions.begin() as session:
                videos = session.query(Video).count()
            assert videos == 0 or status is None
            recover(world)
            if videos:
                assert_whole(world, calls=WINDOWS, lost_answers=0)
            else:
                assert world.blobs.keys("") == []
        forget(world)
        if not fate.dead:
            break
    assert at > 1


@pytest.mark.parametrize("what", ["video", "job", "key"])
def test_what_was_killed_at_any_moment_and_is_sent_again_with_its_key_is_there_once(world: World, what: str) -> None:
    """Where the first answer was kept before the process died, the second is that one."""
    kinds = {"video": Video, "job": Job, "key": ApiKey}
    analyse(world, Fate(None))
    with world.sessions.begin() as session:
        path = {"video": "/v1/videos", "job": f"/v1/videos/{session.query(Video).one().id}/jobs", "key": "/v1/keys"}[what]
    body = {"video": world.clip, "job": b"{}", "key": b'{"name": "camera", "scopes": ["read"]}'}[what]
    media_type = "video/mp4" if what == "video" else "application/json"
    died = Counter[str]()
    for at in count():
        fate, headers = Fate(at), {"Idempotency-Key": f"try-{at}", "Content-Type": media_type}
        before = number(world, kinds[what])
        first = post(world, fate, path, body, headers)
        kept = number(world, kinds[what]) - before
        pass_time(world)
        second = post(world, Fate(None), path, body, headers)
        with told(fate):
            assert second is not None
            assert second.status_code in {201, 202}, second.text
            assert ("Idempotent-Replayed" in second.headers) is bool(kept)
            assert first is None or first.json() == second.json()
            assert number(world, kinds[what]) == before + 1
        died[fate.crossed[-1]] += 1
        if not fate.dead:
            break
    assert died["committed"] >= 2  # the claim, and the effect


def number(world: World, kind: type[Base]) -> int:
    with world.sessions.begin() as session:
        return session.query(kind).count()
