"""One of everything that a workspace can have, under the name of the path parameter that stands for it.

A route with a new path parameter has its place here: either what it names is made, or it is one of a few plain words.
`test_authorization.py` fails until it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from uuid_utils.compat import uuid7

from core.blobs import Blobs
from core.frames import pack
from core.settings import Settings
from db import deliveries, events, keys, uploads, webhooks, workspaces
from db.keys import SCOPES, Scope
from db.models import Event
from db.session import Sessions
from tests.integration import rows


@dataclass
class Owner:
    """A workspace, and what was made for it so far, by name."""

    name: str
    sessions: Sessions
    settings: Settings
    has: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blobs = Blobs(self.settings.blobs_url)
        with self.sessions.begin() as session:
            self.workspace_id = workspaces.named(session, self.name).id

    def key(self, *scopes: Scope) -> str:
        """A key for this workspace; for everything, unless told."""
        with self.sessions.begin() as session:
            return keys.create(session, name=f"{self.name} {scopes}", scopes=scopes or SCOPES, workspace=self.name)

    def ids(self) -> dict[str, str]:
        """What it has, as it stands in an address; what is missing is made first."""
        for name, make in MAKERS.items():
            if name not in self.has:
                self.has[name] = make(self)
        return {name: str(getattr(made, "id", made)) for name, made in self.has.items()}


def _video(owner: Owner) -> Any:
    video = rows.video(owner.sessions, owner.workspace_id, title=f"of {owner.name}", width=1920, height=1080)
    owner.blobs.put(video.blob_key, b"v")
    return video


def _job(owner: Owner) -> Any:
    job, _ = rows.job(owner.sessions, owner.has["video_id"], owner.settings)
    return job


def _event(owner: Owner) -> Any:
    video, job = owner.has["video_id"], owner.has["job_id"]
    window = rows.planned(owner.sessions, job, spans=[(0, 8000)])[0]
    owner.blobs.put(str(window.frames_key), pack((time, b"jpeg") for time in window.frame_pts_ms))
    made = {
        "id": uuid7(),
        "workspace_id": owner.workspace_id,
        "video_id": video.id,
        "job_id": job.id,
        **dict.fromkeys(("type", "title", "description"), f"of {owner.name}"),
        "start_ms": 1000,
        "end_ms": 2000,
        "start_uncertainty_ms": 500,
        "end_uncertainty_ms": 500,
        "verification": {"status": "unverified", "reason": None},
        "evidence_pts_ms": 1000,
        "evidence_window_id": window.id,
        "attributes": {},
        "source": {"analyzer": "model", "model": "m", "prompt_version": "1", "window_ids": [str(window.id)]},
    }
    with owner.sessions.begin() as session:
        events.become(session, job.id, [made], provisional=True)
        return session.get_one(Event, made["id"])


def _upload(owner: Owner) -> Any:
    with owner.sessions.begin() as session:
        return uploads.create(session, owner.workspace_id, kept=timedelta(hours=1), length=1)


def _key(owner: Owner) -> Any:
    with owner.sessions.begin() as session:
        return keys.issue(session, owner.workspace_id, name=f"of {owner.name}", scopes=["read"]).row


def _webhook(owner: Owner) -> Any:
    url, description = "https://example.com/playhead", f"of {owner.name}"
    with owner.sessions.begin() as session:
        return webhooks.create(session, owner.workspace_id, url=url, description=description, events=["job.failed"], at_most=10_000)


def _delivery(owner: Owner) -> Any:
    with owner.sessions.begin() as session:
        return deliveries.test(session, owner.workspace_id, owner.has["webhook_id"].id)


MAKERS: Mapping[str, Callable[[Owner], Any]] = {
    "video_id": _video,
    "job_id": _job,
    "event_id": _event,
    "upload_id": _upload,
    "key_id": _key,
    "webhook_id": _webhook,
    "delivery_id": _delivery,
    "against": _job,
}
"""In this order, each with what is there already."""

WORDS: Mapping[str, str] = {}
"""Path parameters that name nothing of anybody's, with one value that they can have."""
