"""Whatever the server's OpenAPI document offers, both clients can do, with every parameter of its query; tried against a real server."""

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from playhead import ApiError, AsyncClient, Client, Job
from tests.conftest import serving
from tests.integration.client.blocking import blocking
from tests.integration.mortal import Fate
from tests.integration.world import World, analyse

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes requests on, and keeps what was asked."""

    asked: list[tuple[str, str, set[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._transport, self._async_transport = httpx.HTTPTransport(), httpx.AsyncHTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._note(request)
        return self._transport.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._note(request)
        return await self._async_transport.handle_async_request(request)

    def close(self) -> None:
        self._transport.close()

    async def aclose(self) -> None:
        await self._async_transport.aclose()

    def _note(self, request: httpx.Request) -> None:
        self.asked.append((request.method, request.url.path, set(request.url.params)))


@pytest.fixture(params=["sync", "async"])
def whole(world: World, request: pytest.FixtureRequest) -> Iterator[tuple[Any, Recorder]]:
    """A client of a server that has analysed a video; and what is asked of it."""
    analyse(world, Fate(None))
    recorder = Recorder()
    with serving(world.settings) as url:
        if request.param == "sync":
            with Client(url, world.api_key, transport=recorder) as client:
                yield client, recorder
        else:
            with blocking(lambda: AsyncClient(url, world.api_key, transport=recorder)) as client:
                yield client, recorder


def upload_in_pieces(client: Any, clip: bytes) -> None:
    begun: list[str] = []
    resumed = client.upload(io.BytesIO(clip), resumable=True, request={"analyzer": "signals"}, title="In pieces", on_begun=begun.append)
    assert (resumed.video.title, client.pending(begun[0]).offset) == ("In pieces", len(clip))
    client.delete_upload(begun[0])
    client.delete_video(resumed.video.id)


def use_everything(client: Any, clip: bytes, folder: Path) -> None:
    """What there is to do, each thing once, with all that can be said to it."""
    assert client.alive()
    assert client.ready().parts["database"] == "ok"

    video, job = client.upload(
        io.BytesIO(clip),
        request={"analyzer": "signals"},
        title="A street",
        custom_id="camera 7",
        recorded_at=WHEN,
        metadata={"site": 3},
        filename="street.mp4",
    )
    assert [one.id for one in client.videos(custom_id="camera 7")] == [video.id]
    assert client.job(job.id).video_id == video.id
    assert client.cancel(job.id).status == "canceling"
    assert client.video(video.id) == video
    [analysed] = [one for one in client.videos(limit=1) if one.id != video.id]
    assert client.media(analysed.id, folder / "copy.mp4") == len(clip)

    [first] = client.jobs(video_id=analysed.id, status=["succeeded"])
    follow_again(client, first)
    assert client.estimate(analysed.id, {"refine": True}).calls > 0
    second = client.create_job(analysed.id, {"event_types": [{"id": "car", "description": "a car"}]})
    assert client.diff(second.id, first.id).against == first.id
    with pytest.raises(ApiError, match="is queued") as running:
        client.retry(second.id, budget_usd=1)
    assert running.value.code == "job_running"
    assert list(islice(client.jobs(limit=1), 3))

    filters = {"types": ["car"], "q": "car", "job_id": first.id, "verification": ["unverified"]}
    assert list(client.events(analysed.id, sort="-start_ms", **filters))
    stretch = {"from_ms": 0, "to_ms": 60_000, "match": "overlaps"}
    for whose in (analysed.id, None):
        list(client.events(whose, min_confidence=0, **filters, **stretch))
        list(client.events(whose, at_ms=1))
        list(client.events(whose, recorded_from=WHEN, recorded_to=WHEN.replace(year=2030), sort="-confidence"))
        assert len(list(islice(client.events(whose, limit=1), 2))) == 2
    event = next(iter(client.events(analysed.id)))
    assert client.event(event.id) == event
    assert client.frame(event.id).startswith(b"\xff\xd8")

    use_exports(client, analysed.id, {**filters, **stretch}, folder)

    made = client.create_key("camera 7", ["read"], expires_at=WHEN.replace(year=2036))
    assert made.key.startswith(made.prefix)
    assert client.change_key(made.id, name="camera 8").expires_at == made.expires_at
    assert client.change_key(made.id, expires_at=None).expires_at is None
    client.revoke_key(made.id)
    assert client.key(made.id).revoked_at
    assert made.id in {key.id for key in client.keys(limit=1)}
    assert client.me().workspace.name == "default"

    hook = client.create_webhook("https://example.com/playhead", events=["job.failed"], description="The archive")
    assert client.webhook_secret(hook.id).secret == hook.secret != client.rotate_webhook_secret(hook.id).secret
    messages = {client.test_webhook(hook.id).id for _ in range(2)}
    assert {one.id for one in client.deliveries(hook.id, state=["pending"], types=["webhook.test"], limit=1)} == messages
    first_id = min(messages)
    assert client.delivery(hook.id, first_id).payload["type"] == client.redeliver(hook.id, first_id).type == "webhook.test"
    changed = client.change_webhook(hook.id, description=None, enabled=False)
    assert [changed, changed.url, changed.description] == [client.webhook(hook.id), hook.url, None]
    other = client.create_webhook("https://example.com/playhead")
    assert [one.id for one in client.webhooks(limit=1)] == [other.id, hook.id]
    client.delete_webhook(hook.id)

    client.delete_video(video.id)


def use_exports(client: Any, video_id: str, filters: dict[str, Any], folder: Path) -> None:
    wall_clock = {"recorded_from": WHEN, "recorded_to": WHEN.replace(year=2030), "min_confidence": 0}
    marks = {"frame_rate": "25", "start_timecode": "01:00:00:00"}
    for form, more in {"vtt": {}, "srt": {}, "csv": {}, "jsonl": {}, "edl": marks, "fcpxml": marks}.items():
        cues = {"shortest_ms": 500} if form in {"vtt", "srt"} else {}
        for which in ({"at_ms": 1}, filters | wall_clock, {}):
            assert client.export(video_id, form, folder / f"events.{form}", **cues, **more, **which) >= 0
        assert (folder / f"events.{form}").read_text()
    for which in ({"at_ms": 1}, filters | wall_clock):
        assert client.chapters(video_id, folder / "chapters.vtt", shortest_ms=500, **which)
        assert client.timeline(video_id, buckets=5, **which).duration_ms
    assert sum(bucket.events for bucket in client.timeline(video_id).buckets)
    assert client.storyboard(video_id).startswith(b"\xff\xd8")
    assert client.thumbnails(video_id).startswith("WEBVTT")


def follow_again(client: Any, job: Job) -> None:
    """A job that has ended: at once, all of it, its end, and nothing."""
    assert client.wait(job.id) == job
    *found, end = client.follow(job.id)
    assert ({news.kind for news in found}, end.kind, end.job) == ({"event"}, "end", job)
    assert list(client.follow(job.id, last_id=found[-1].id)) == [end]
    assert list(client.follow(job.id, last_id=end.id)) == []


SAID_OTHERWISE = {"GET /v1/jobs/{job_id}/stream": {"after"}}
"""Parameters for those who can't send a header, as the client can."""


FOR_PLAYERS = {"HEAD /v1/videos/{video_id}/media": {"head_media"}}
"""What a client asks that goes from place to place in a video; these bring all of it."""


def test_whatever_the_server_offers_both_clients_can_do(whole: tuple[Any, Recorder], world: World, tmp_path: Path) -> None:
    client, recorder = whole
    use_everything(client, world.clip, tmp_path)
    upload_in_pieces(client, world.clip)

    said: dict[str, set[str]] = defaultdict(set)
    for method, path, names in recorder.asked:
        said[f"{method} {path}"] |= names
    untried = {}
    for path, methods in httpx.get(f"{client.url}/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            pattern = re.compile(f"{method.upper()} {re.sub('{[a-z_]+}', '[^/]+', path)}")
            matching = [names for asked, names in said.items() if pattern.fullmatch(asked)]
            wanted = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"} - SAID_OTHERWISE.get(
                f"{method.upper()} {path}", set()
            )
            missing = wanted - set().union(*matching) if matching else {operation["operationId"]}
            untried |= {f"{method.upper()} {path}": missing} if missing else {}
    assert untried == FOR_PLAYERS
