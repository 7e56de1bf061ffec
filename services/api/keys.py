"""`/v1/keys`: who else may come into this workspace. `/v1/me`: who am I?"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.request import Text
from db import keys, workspaces
from db.keys import SCOPES, Scope
from db.models import ApiKey, Workspace
from services.api.bodies import LimitedRoute
from services.api.context import Admin, Anyone, WithParts, door_of
from services.api.listing import Cursor, Limit, Listing
from services.api.once import Whole
from services.api.times import WallClock

router = APIRouter(prefix="/v1", tags=["keys"], route_class=LimitedRoute)


def _in_order(scopes: list[Scope]) -> list[Scope]:
    return [scope for scope in SCOPES if scope in scopes]


Name = Annotated[Text, Field(min_length=1, max_length=200, description="What it is for.", examples=["camera 7"])]
Scopes = Annotated[
    list[Scope],
    AfterValidator(_in_order),
    Field(
        min_length=1,
        description="What it may do: `read`, `write` (take in, ask, cancel, delete), `admin` (keys, webhooks). None contains another.",
        examples=[["read", "write"]],
    ),
]
Expiry = Annotated[WallClock, Field(description="When it ends, ISO 8601 with its offset.", examples=["2036-03-01T12:00:00Z"])]


class KeyIn(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: Scopes
    expires_at: Expiry | None = Field(None, description="When it ends by itself. Default: never.", examples=["2036-03-01T12:00:00Z"])


class KeyChange(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    scopes: Scopes | None = None
    expires_at: Expiry | None = Field(None, description="When it ends by itself; null: never.", examples=["2036-03-01T12:00:00Z"])

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if nothing := [name for name in ("name", "scopes") if name in self.model_fields_set and getattr(self, name) is None]:
            raise ValueError(f"{nothing[0]} can't be null; leave it out where it should stay")
        return self


class KeyOut(BaseModel):
    """What is known of an API key. The key itself is kept nowhere."""

    id: UUID
    object: Literal["api_key"] = "api_key"
    name: str = Field(description="What it is for.", examples=["camera 7"])
    prefix: str | None = Field(description="How the key begins, to tell it by; null for one of an early release.", examples=["ph_3kQzWb"])
    scopes: list[Scope] = Field(description="What it may do.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="When it was last used, to the minute; null: never.")
    expires_at: datetime | None = Field(description="When it ends by itself; null: never.")
    revoked_at: datetime | None = Field(description="When it was revoked; null: it was not.")

    @classmethod
    def of(cls, row: ApiKey, **more: Any) -> Self:
        return cls.model_validate({**{name: getattr(row, name) for name in KeyOut.model_fields if name != "object"}, **more})


class KeyCreated(KeyOut):
    """A new API key. `key` is shown this once."""

    key: str = Field(description="The key. Store it now: it can't be shown again.", examples=["ph_3kQzWb..."])


class WorkspaceOut(BaseModel):
    """Whose data it is."""

    id: UUID
    object: Literal["workspace"] = "workspace"
    name: str = Field(examples=["default"])


class LimitsOut(BaseModel):
    """How much is allowed; null: as much as you like."""

    max_requests_a_minute: int | None = Field(description="Requests of this key a minute.", examples=[6000])
    max_uploads_a_day: int | None = Field(description="Videos that this key may bring in a day (UTC).", examples=[100])
    max_jobs_a_day: int | None = Field(description="Jobs that this key may submit a day (UTC).", examples=[1000])
    max_open_jobs: int | None = Field(description="Jobs of the workspace that may be open at a time.", examples=[50])
    max_stored_bytes: int | None = Field(description="Bytes of videos that the workspace may have stored.", examples=[1_000_000_000_000])


class Me(BaseModel):
    """Who asks."""

    object: Literal["me"] = "me"
    key: KeyOut
    workspace: WorkspaceOut
    limits: LimitsOut


@router.get("/me")
def get_me(parts: WithParts, caller: Anyone) -> Me:
    """Which key this is, what it may do and how much of it, and in which workspace. Any valid key may ask."""
    with parts.sessions.begin() as session:
        workspace = session.get_one(Workspace, caller.workspace_id)
        key = keys.get(session, caller.workspace_id, caller.key_id)
        own = {**{name: getattr(key, name) for name in keys.LIMITS}, **{name: getattr(workspace, name) for name in workspaces.LIMITS}}
        limits = {name: (getattr(parts.settings, name) if limit is None else limit) or None for name, limit in own.items()}
        return Me(key=KeyOut.of(key), workspace=WorkspaceOut(id=workspace.id, name=workspace.name), limits=LimitsOut.model_validate(limits))


@router.post("/keys", status_code=201, responses={201: {"headers": {"Location": {}}}})
def create_key(parts: WithParts, caller: Admin, once: Whole, body: KeyIn, response: Response) -> KeyCreated:
    """Make a key for this workspace, with any scopes. Only its hash is kept, so that the answer is the one place where it is shown."""
    with parts.sessions.begin() as session:
        issued = keys.issue(session, caller.workspace_id, name=body.name, scopes=body.scopes, expires_at=body.expires_at)
        response.headers["Location"] = f"/v1/keys/{issued.row.id}"
        return once.keep(session, KeyCreated.of(issued.row, key=issued.key))


@router.get("/keys")
def list_keys(parts: WithParts, caller: Admin, limit: Limit = 100, cursor: Cursor = None) -> Listing[KeyOut]:
    """The workspace's keys, newest first, also those that have expired or were revoked."""
    with parts.sessions.begin() as session:
        page = keys.page(session, caller.workspace_id, limit=limit, cursor=cursor)
    return Listing(data=[KeyOut.of(key) for key in page.rows], next_cursor=page.next_cursor)


@router.get("/keys/{key_id}")
def get_key(parts: WithParts, caller: Admin, key_id: UUID) -> KeyOut:
    """What is known of one key."""
    with parts.sessions.begin() as session:
        return KeyOut.of(keys.get(session, caller.workspace_id, key_id))


@router.patch("/keys/{key_id}")
def change_key(request: Request, parts: WithParts, caller: Admin, key_id: UUID, body: KeyChange) -> KeyOut:
    """Change a key's name, scopes or expiry; what is left out stays. A key that was revoked stays so."""
    with parts.sessions.begin() as session:
        key = keys.get(session, caller.workspace_id, key_id)
        keys.change(session, key, **body.model_dump(exclude_unset=True))
    door_of(request).forget(key_id)
    return KeyOut.of(key)


@router.delete("/keys/{key_id}", status_code=204, response_description="It is revoked.")
def revoke_key(request: Request, parts: WithParts, caller: Admin, key_id: UUID) -> None:
    """End a key for good, also the one that asks. It stays in the list."""
    with parts.sessions.begin() as session:
        keys.revoke(session, keys.get(session, caller.workspace_id, key_id))
    door_of(request).forget(key_id)
