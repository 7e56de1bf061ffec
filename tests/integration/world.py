"""A small world to kill things in: one database, one storage, and processes that come and go, each with its fate.

What takes long is real but played back: the decoder's frames. The model is a handler behind httpx, and answers differently each time.
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, func, select, update

from core.blobs import Blobs
from core.queue import DELIVER, FETCH, LOCALIZE, PLAN, SAMPLE, SETTLE
from core.settings import Settings
from db.models import KINDS, Budget, Delivery, DoomedBlobs, Event, IdempotencyKey, Job, Upload, Video, Window
from db.session import Sessions, make_engine
from services.api.app import create_app
from services.api.context import Parts
from tests.integration.mortal import Fate, Killed, MortalBlobs, MortalRing, MortalSessions
from tests.videos import make_video
from workers import sweeping
from workers.delivering import deliver
from workers.fetching import fetch
from workers.frames.frame import SampledWindow, VideoInfo, WindowPlan
from workers.frames.sampler import Limits, Sampler
from workers.frames.timeline import cut
from workers.localizing import localize
from workers.model.client import ModelClient
from workers.model.profiles import PLAIN
from workers.planning import plan
from workers.runtime import Runtime, make_runtime
from workers.sampling import sample
from workers.sweeping import sweep

REQUEST = {"event_types": [{"id": "car", "description": "a car"}], "sampling": {"window_s": 8, "overlap_s": 2, "skip_static": False}}
DURATION_S = 14
WINDOWS = 2
CALL_USD = 0.001
ROUNDS = 12
LOOPBACK = {"outbound_http": True, "outbound_allow": (ip_network("127.0.0.1"),)}
"""This machine stands for the public internet, where webhooks go."""


@dataclass(frozen=True)
class Recording:
    """What the real decoder gave for the clip, to be given again."""

    clip: bytes
    info: VideoInfo
    windows: tuple[SampledWindow, ...]

    @classmethod
    def make(cls, folder: Path) -> Self:
        clip = folder / "clip.mp4"
        make_video(clip, duration_s=DURATION_S, fps=5)
        sampler = Sampler(Limits.of(Settings()))
        info = sampler.probe(clip, beat=lambda: None)
        [segment] = cut(info.duration_ms, window_ms=8000, overlap_ms=2000, windows_per_segment=8)
        windows = sampler.sample(clip, segment.windows, fps=1, frame_tokens=220, beat=lambda: None)
        return cls(clip.read_bytes(), info, tuple(windows))

    def probe(self, path: Path, **_: Any) -> VideoInfo:
        return self.info

    def sample(self, path: Path, wanted: Sequence[WindowPlan], **_: Any) -> Iterator[SampledWindow]:
        return (window for window in self.windows if window.plan in wanted)


@dataclass
class Model:
    """Answers over httpx, differently each time; `stored` is up to the caller. Keeps which frames it was asked about."""

    fate: Fate = field(default_factory=lambda: Fate(None))
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        times = re.findall(r"<([0-9.]+) seconds>", request.content.decode())
        self.fate.cross("asked, no answer")
        self.asked.append(times[-1])
        event = {"type": "car", "start_s": times[1], "end_s": times[3], "description": f"answer {len(self.asked)}", "title": "a car"}
        content = json.dumps({"events": [event]})
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "cost": CALL_USD}
        body = {"model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": usage}
        return httpx.Response(200, json=body)


class World:
    """One database and one storage, and processes that come and go: `worker` makes one with its fate."""

    def __init__(self, settings: Settings, recording: Recording, api_key: str) -> None:
        self.settings = settings.model_copy(
            update={
                "model_url": "http://127.0.0.1:9/v1",
                "model_api_key": SecretStr("k"),
                "model_tries": 1,
                "upload_part_bytes": len(recording.clip) // 2 + 1,
                "key_kept": timedelta(0),
                **LOOPBACK,
            }
        )
        self.engine: Engine = make_engine(settings)
        self.recording, self.clip, self.api_key = recording, recording.clip, api_key
        self.sessions, self.blobs = Sessions(self.engine), Blobs(settings.blobs_url)
        self.model = Model()
        self._base = make_runtime(self.settings)
        self._app = create_app(self.settings)
        self._broker = redis.Redis.from_url(settings.redis_url.get_secret_value())

    def worker(self, fate: Fate) -> tuple[Runtime, MortalRing]:
        self._broker.flushdb()  # a dead worker's turn at the gate lasts for its lease
        self.model.fate = fate
        ring = MortalRing(fate)
        http = httpx.Client(transport=httpx.MockTransport(self.model.answer))
        client = ModelClient(
            http,
            url=self.settings.model_url,
            api_key="k",
            profile=PLAIN,
            tries=1,
            backoff=timedelta(milliseconds=1),
            backoff_max=timedelta(milliseconds=1),
            timeout=timedelta(seconds=20),
        )
        runtime = replace(
            self._base,
            sessions=MortalSessions(self.engine, fate),
            blobs=MortalBlobs(self.settings.blobs_url, fate),
            ring=ring,
            sampler=self.recording,  # type: ignore[arg-type]
            model=client,
        )
        return runtime, ring

    def api(self, fate: Fate) -> tuple[httpx.AsyncClient, MortalRing]:
        ring = MortalRing(fate)
        parts = Parts(self.settings, MortalSessions(self.engine, fate), MortalBlobs(self.settings.blobs_url, fate), ring)
        self._app.state.parts = parts
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "video/mp4"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://api", headers=headers), ring

    def close(self) -> None:
        self._base.sessions.engine.dispose()
        self._app.state.parts.sessions.engine.dispose()
        self.engine.dispose()
        self._broker.close()


def upload(world: World, fate: Fate) -> tuple[int | None, list[tuple[str, object]]]:
    """The status of the answer, None where it died first; and the messages that were sent."""

    async def send() -> tuple[int | None, list[tuple[str, object]]]:
        client, ring = world.api(fate)
        async with client:
            try:
                return (await client.post("/v1/videos", params={"request": json.dumps(REQUEST)}, content=world.clip)).status_code, ring.rung
            except Killed:
                return None, ring.rung

    return asyncio.run(send())


@dataclass
class Sender:
    """Uploads the clip in pieces, and goes on where it was, as far as it was told."""

    world: World
    address: str | None = None
    rung: list[tuple[str, object]] = field(default_factory=list)

    def go_on(self, fate: Fate) -> bool:
        """Whether the last byte is there."""

        async def send() -> bool:
            client, ring = self.world.api(fate)
            self.rung = ring.rung
            async with client:
                client.headers.update({"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"})
                try:
                    return await self._send(client)
                except Killed:
                    return False

        return asyncio.run(send())

    async def _send(self, client: httpx.AsyncClient) -> bool:
        clip = self.world.clip
        if self.address is None:
            request = base64.b64encode(json.dumps(REQUEST).encode()).decode()
            headers = {"Upload-Length": str(len(clip)), "Upload-Metadata": f"request {request}"}
            self.address = (await client.post("/v1/uploads", headers=headers)).headers.get("location")
            if self.address is None:
                return False
        at = int((await client.head(self.address)).headers["upload-offset"])
        answer = await client.patch(self.address, headers={"Upload-Offset": str(at)}, content=clip[at:])
        return answer.status_code == 204 and "playhead-job-id" in answer.headers


def post(world: World, fate: Fate, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response | None:
    """The answer to anything else; None where it died first."""

    async def send() -> httpx.Response | None:
        client, _ = world.api(fate)
        async with client:
            try:
                return await client.post(path, content=body, headers=headers)
            except Killed:
                return None

    return asyncio.run(send())


def work_off(runtime: Runtime, ring: MortalRing) -> None:
    """Do what was rung for, and what that rings for, until it is quiet."""
    tasks = {FETCH: fetch, PLAN: plan, SAMPLE: sample, LOCALIZE: localize, SETTLE: sweeping.settle, DELIVER: deliver}
    while ring.rung:
        task, row_id = ring.rung.pop(0)
        tasks[task](runtime, UUID(str(row_id)))


def analyse(world: World, fate: Fate) -> None:
    """An upload that is taken in, and a worker that does all there is to do, until its fate."""
    _, rung = upload(world, Fate(None))
    runtime, ring = world.worker(fate)
    ring.rung = rung
    work_off(runtime, ring)


def ask(world: World, method: str, action: str = "", *, fate: Fate | None = None) -> int | None:
    """Do something with the one video there is, or with its job, over the API; the status, None where it died first."""
    with world.sessions.begin() as session:
        [job] = session.query(Job).all()
    path = f"/v1/jobs/{job.id}/{action}" if action else f"/v1/videos/{job.video_id}"

    async def send() -> int | None:
        client, _ = world.api(fate or Fate(None))
        async with client:
            try:
                return (await client.request(method, path)).status_code
            except Killed:
                return None

    with ThreadPoolExecutor(1) as pool:  # whoever meddles may do so from within another loop
        return pool.submit(lambda: asyncio.run(send())).result()


def answers_stored(world: World) -> int:
    with world.sessions.begin() as session:
        return int(session.scalar(select(func.coalesce(func.sum(Window.calls), 0))) or 0)


@contextmanager
def told(fate: Fate) -> Iterator[None]:
    """A failure says at which moment."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"crossing {fate.at}, after {fate.crossed[: (fate.at or 0) + 1][-6:]}")
        raise


def pass_time(world: World) -> None:
    """Leases run out, and what waits for later is due."""
    with world.sessions.begin() as session:
        for kind in (*KINDS, Delivery):
            session.execute(update(kind).where(kind.state == "running").values(lease_until=func.clock_timestamp() - timedelta(seconds=1)))
            session.execute(update(kind).values(not_before=func.clock_timestamp() - timedelta(seconds=1)))
        session.execute(update(IdempotencyKey).values(lease_until=func.clock_timestamp() - timedelta(seconds=1)))
        session.execute(update(DoomedBlobs).values(not_before=func.clock_timestamp() - timedelta(days=2), last_delete_at=func.now()))


def recover(world: World) -> None:
    """Somebody else comes, who lives; no message is left."""
    runtime, ring = world.worker(Fate(None))
    for _ in range(ROUNDS):
        pass_time(world)
        sweep(runtime)
        work_off(runtime, ring)
        with world.sessions.begin() as session:
            if not session.scalar(select(func.count()).where(Job.completed_at.is_(None))):
                break
    else:
        raise AssertionError("the job does not end")
    pass_time(world)
    sweep(runtime)
    work_off(runtime, ring)


def assert_whole(world: World, *, calls: int, lost_answers: int) -> None:
    """Everything is there once: a job that succeeded, from stored answers alone, each paid for once but for what died unstored; and
    no blob without a row, no row without its blob.
    """
    with world.sessions.begin() as session:
        [job] = session.query(Job).all()
        assert (job.status, job.coverage) == ("succeeded", {"ratio": 1.0, "gaps": []}), (job.status, job.error, job.warnings)
        rows = session.query(Window).filter_by(job_id=job.id).all()
        assert [row.state for row in rows] == ["done"] * WINDOWS
        assert calls - lost_answers <= WINDOWS, "an answer that was stored is not asked for again"
        assert all(row.calls == 1 for row in rows), "each window has one answer, and that is the one it is made of"
        events = session.query(Event).filter_by(job_id=job.id).all()
        assert len(events) == WINDOWS
        assert not any(event.provisional for event in events)
        budget = session.get_one(Budget, job.id)
        assert (budget.reserved_usd, budget.spent_usd) == (0, sum(row.cost_usd for row in rows))
        assert float(budget.spent_usd) >= CALL_USD * min(calls, WINDOWS)
        assert_no_orphans(world)


def assert_no_orphans(world: World) -> None:
    with world.sessions.begin() as session:
        named = {video.blob_key for video in session.query(Video)} | {
            str(window.frames_key) for window in session.query(Window) if window.frame_pts_ms
        }
    there = {key for key in world.blobs.keys("") if not key.endswith("/index")}
    left = list(Path(world.settings.blobs_url.removeprefix("file://")).rglob("*#*"))
    assert (there, left) == (named, [])


def forget(world: World) -> None:
    with world.sessions.begin() as session:
        for row in (*session.query(Upload), *session.query(Video)):
            session.delete(row)
        session.query(DoomedBlobs).delete()
    for key in world.blobs.keys(""):
        world.blobs.delete_prefix(key.partition("/")[0])
        break
    world.model.asked.clear()
