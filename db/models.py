"""The tables. Times are media time in integer milliseconds, or `timestamptz` by the database's own clock."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Row,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT8RANGE, JSONB, TSTZRANGE, TSVECTOR, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.indexing import LENGTH, RANK, STATUS, WORDS


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        list[int]: ARRAY(Integer),
        list[str]: ARRAY(Text),
        datetime: DateTime(timezone=True),
        str: Text(),
        Decimal: Numeric(14, 8),
    }


class Identified:
    """Version 7 ids, made here: in order of creation, and known before the row is written."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Workspace(Identified, Base):
    """Limits stand for the settings of the same names where they are not null."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(unique=True)
    max_open_jobs: Mapped[int | None]
    max_stored_bytes: Mapped[int | None] = mapped_column(BigInteger)


class ApiKey(Identified, Base):
    """Only the SHA-256 of a key is kept, and how it begins; the keys are random enough (256 bits) to need no salt.

    Limits stand for the settings of the same names where they are not null.
    """

    __tablename__ = "api_keys"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    prefix: Mapped[str | None]
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    max_requests_a_minute: Mapped[int | None]
    max_uploads_a_day: Mapped[int | None]
    max_jobs_a_day: Mapped[int | None]


class KeyDay(Base):
    """How much a key with a quota did on a day, in UTC."""

    __tablename__ = "key_days"

    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    uploads: Mapped[int] = mapped_column(server_default="0")
    jobs: Mapped[int] = mapped_column(server_default="0")


class Video(Identified, Base):
    """A stored video. What the packets say of it is null until a worker has looked; `sha256`, `bytes` and `media_type` are null until its
    bytes are there (`Fetch`), all at once.

    `source_url` is where it was fetched, as others may read it: without query and credentials.

    `frames_generation` counts how often its sampled frames were deleted, `frames_used_at` is when a job last
    ended that used them; null: there are none.
    """

    __tablename__ = "videos"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    blob_key: Mapped[str]
    sha256: Mapped[str | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    media_type: Mapped[str | None]
    source_url: Mapped[str | None]
    filename: Mapped[str | None]
    title: Mapped[str | None]
    custom_id: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
    recorded_at: Mapped[datetime | None]
    container: Mapped[str | None]
    codec: Mapped[str | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    rotation: Mapped[int | None]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    start_ms: Mapped[int | None] = mapped_column(BigInteger)
    frame_rate: Mapped[float | None]
    variable_frame_rate: Mapped[bool | None]
    frames_generation: Mapped[int] = mapped_column(server_default="0")
    frames_used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("videos_page", "workspace_id", "id"),
        Index("videos_custom_id", "workspace_id", "custom_id"),
        Index("videos_frames_used_at", "frames_used_at", postgresql_where=text("frames_used_at IS NOT NULL")),
    )


JOB_STATUSES = ("queued", "processing", "succeeded", "partial", "failed", "canceling", "canceled")
OPEN_JOB_STATUSES = ("queued", "processing", "canceling")


class Job(Identified, Base):
    """One question asked of one video. `estimate` is what it was expected to cost (`core.estimate`), null until its plan is done.

    `revision` counts windows that ended, `shown_revision` is what its provisional events are made of, and `show_after` is when
    they may be made again. `changes` counts how often its events were changed (`db.changes`). `replies_forgotten`: what the model said was
    deleted, but for what a retry still needs.
    """

    __tablename__ = "jobs"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    video_id: Mapped[UUID] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(server_default="queued")
    stage: Mapped[str] = mapped_column(server_default="plan")
    request: Mapped[dict[str, Any]]
    windows_total: Mapped[int | None]
    estimate: Mapped[dict[str, Any] | None]
    coverage: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    warnings: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    revision: Mapped[int] = mapped_column(server_default="0")
    shown_revision: Mapped[int] = mapped_column(server_default="0")
    show_after: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    changes: Mapped[int] = mapped_column(server_default="0")
    replies_forgotten: Mapped[bool] = mapped_column(server_default=text("false"))
    deadline_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"status IN {JOB_STATUSES}", name="jobs_status"),
        Index("jobs_page", "workspace_id", "id"),
        Index("jobs_open", "deadline_at", postgresql_where=text("completed_at IS NULL")),
        Index("jobs_with_replies", "completed_at", postgresql_where=text("completed_at IS NOT NULL AND NOT replies_forgotten")),
    )


JobRow = Row[tuple[Any, ...]]
"""A job's columns by their names: for whoever only looks at it."""


class Budget(Base):
    """What a job may cost, and does: a row of its own, so that many workers can change it while somebody holds the job's.

    `limit_usd`: null where there is none. `spent_usd` and `reserved_usd` are the sums over the job's windows. `closed`: it met its limit,
    and no further call is made.
    """

    __tablename__ = "budgets"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    limit_usd: Mapped[Decimal | None]
    spent_usd: Mapped[Decimal] = mapped_column(server_default="0")
    reserved_usd: Mapped[Decimal] = mapped_column(server_default="0")
    closed: Mapped[bool] = mapped_column(server_default=text("false"))


class Leased(Identified):
    """A row that one worker at a time has, under a lease (see `db.leases`). `attempts` counts claims that may be the row's own fault."""

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]


WORK_STATES = ("pending", "running", "done", "failed", "canceled")
OPEN_WORK_STATES = ("pending", "running")


class Work(Leased):
    """A piece of a job's work. `outages` counts attempts that were ended by somebody else being away."""

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    outages: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[dict[str, Any] | None]


def _work_args(table: str) -> tuple[Any, ...]:
    return (
        CheckConstraint(f"state IN {WORK_STATES}", name=f"{table}_state"),
        Index(f"{table}_due", "not_before", postgresql_where=text("state IN ('pending', 'running')")),
    )


class Fetch(Work, Base):
    """Bringing a video's bytes in: the first piece of work of a job whose video is not there yet. Its plan follows when it is done.

    They are the parts of its upload, joined. `url` says where the parts come from, where nobody sends them, until they are here: it may be
    a secret. `etag` is what the server there called the bytes that are in them, or their date. `bytes_done` of `bytes_total` (null: nobody
    knows yet) are brought in. `furthest`: the largest share of them that there ever was before they had to be brought in anew, 0 to 1.
    """

    __tablename__ = "fetches"

    upload_id: Mapped[UUID | None] = mapped_column(ForeignKey("uploads.id", ondelete="SET NULL"), index=True)
    url: Mapped[str | None]
    etag: Mapped[str | None]
    bytes_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    furthest: Mapped[float] = mapped_column(server_default="0")

    __table_args__ = (UniqueConstraint("job_id"), *_work_args("fetches"))


class Plan(Work, Base):
    """Looking at the video and cutting its timeline: the first piece of work of a job whose video is there."""

    __tablename__ = "plans"

    __table_args__ = (UniqueConstraint("job_id"), *_work_args("plans"))


class Segment(Work, Base):
    """Windows in a row that are decoded in one go; `windows` holds their `[seq, start_ms, end_ms]`, and for second looks the look too.

    `pass_` is 0 for the windows that cover the timeline, and counts the rounds of second looks from 1.
    """

    __tablename__ = "segments"

    pass_: Mapped[int] = mapped_column("pass", server_default="0")
    seq: Mapped[int]
    windows: Mapped[list[Any]]

    __table_args__ = (UniqueConstraint("job_id", "pass", "seq"), *_work_args("segments"))


class Window(Work, Base):
    """One look at the timeline: its frames, what was answered, and what that cost.

    `raw_reply` is stored before it is parsed, so that no answer is paid for twice. `frames_key` is null once the frames were deleted.
    `frame_pts_ms` are the frames that were sampled, `shown_pts_ms` those of them that the model is shown; null where it is shown all.
    `detections`: null until there is an answer; then they stay, also while a retry asks for what of it is missing.
    `gaps` are stretches that the decoder could not give or that brought no answer, as `[start_ms, end_ms, reason]`; `signals` are
    `workers.frames.frame.Signals`, one a frame. A window of a later pass than 0 is a second `look` at an event
    (`workers.events.looks`), and its one detection is what was seen.

    `cost_usd` is what its calls cost; `uncertain_usd` is the part of that which calls may have cost that nobody told the end of, and
    `reserved_usd` what a call that is being made may cost yet (`db.budgets`).
    """

    __tablename__ = "windows"

    pass_: Mapped[int] = mapped_column("pass", server_default="0")
    seq: Mapped[int]
    start_ms: Mapped[int] = mapped_column(BigInteger)
    end_ms: Mapped[int] = mapped_column(BigInteger)
    frames_key: Mapped[str | None] = mapped_column(index=True)
    frame_pts_ms: Mapped[list[int]]
    shown_pts_ms: Mapped[list[int] | None]
    signals: Mapped[list[Any]]
    gaps: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    raw_reply: Mapped[dict[str, Any] | None]
    detections: Mapped[list[Any] | None]
    look: Mapped[dict[str, Any] | None]
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    calls: Mapped[int] = mapped_column(server_default="0")
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost_usd: Mapped[Decimal] = mapped_column(server_default="0")
    uncertain_usd: Mapped[Decimal] = mapped_column(server_default="0")
    reserved_usd: Mapped[Decimal] = mapped_column(server_default="0")

    __table_args__ = (UniqueConstraint("job_id", "pass", "seq"), *_work_args("windows"))

    @property
    def shown(self) -> list[int]:
        """Times of the frames that the model is shown."""
        return self.frame_pts_ms if self.shown_pts_ms is None else self.shown_pts_ms


KINDS: tuple[type[Work], ...] = (Fetch, Plan, Segment, Window)
"""In the order in which a job comes to them."""


UPLOAD_STATES = ("open", "whole", "done")


class Upload(Identified, Base):
    """Bytes that arrive in pieces. `open`: `offset` bytes of `length` are there (null: not said yet). `whole`: all of them. `done`: they
    are elsewhere, in its video or in the upload that it was joined to (`final_id`).

    `role`: `video`, one that becomes a video; `partial`, a piece of one; `final`, one made of pieces; `fetched`, which nobody sends, and
    nobody sees: its parts come from a `Fetch`. `header` and `concat` are its Upload-Metadata and Upload-Concat as they were
    sent, `intent` what the former says, checked (`services.api.intent`). `media_type` is null until its first bytes have told it.

    All of its blobs lie below `core.blobs.upload_prefix`, those written and never counted too; whoever deletes the row dooms them.
    """

    __tablename__ = "uploads"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(server_default="video")
    state: Mapped[str] = mapped_column(server_default="open")
    length: Mapped[int | None] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger, server_default="0")
    header: Mapped[str | None]
    concat: Mapped[str | None]
    intent: Mapped[dict[str, Any] | None]
    media_type: Mapped[str | None]
    final_id: Mapped[UUID | None] = mapped_column(ForeignKey("uploads.id", ondelete="SET NULL"), index=True)
    video_id: Mapped[UUID | None] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        CheckConstraint(f"state IN {UPLOAD_STATES}", name="uploads_state"),
        CheckConstraint('"offset" <= length', name="uploads_offset"),
    )


class UploadPart(Base):
    """Bytes of an upload that are there: what is in a blob counts by this row alone."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    blob_key: Mapped[str]


class Event(Base):
    """What happened and when: `[start_ms, end_ms)`, each boundary with its uncertainty. `change`: the number of the change of its job that
    made it what it is.
    """

    __tablename__ = "events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    video_id: Mapped[UUID] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    change: Mapped[int] = mapped_column(server_default="0")
    type: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    start_ms: Mapped[int] = mapped_column(BigInteger)
    end_ms: Mapped[int] = mapped_column(BigInteger)
    start_uncertainty_ms: Mapped[int]
    end_uncertainty_ms: Mapped[int]
    confidence: Mapped[float | None]
    confidence_source: Mapped[str | None]
    verification: Mapped[dict[str, Any]]
    evidence_pts_ms: Mapped[int] = mapped_column(BigInteger)
    evidence_window_id: Mapped[UUID]
    attributes: Mapped[dict[str, Any]]
    source: Mapped[dict[str, Any]]
    provisional: Mapped[bool]
    recorded: Mapped[Range[datetime] | None] = mapped_column(TSTZRANGE)
    span: Mapped[Range[int]] = mapped_column(INT8RANGE, Computed("int8range(start_ms, end_ms)", persisted=True), deferred=True)
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed("to_tsvector('english', replace(type, '_', ' ') || ' ' || title || ' ' || description)", persisted=True),
        deferred=True,
    )

    __table_args__ = (
        CheckConstraint("start_ms < end_ms", name="events_span"),
        # Its last two columns are looked at before the row is: of a long video most rows need not be.
        Index("events_video_start", "video_id", "start_ms", "id", "type", text(STATUS)),
        Index("events_video_rank", "video_id", text(RANK), "id"),
        Index("events_video_span", "video_id", "span", postgresql_using="gist"),
        Index("events_job_start", "job_id", "start_ms", "id"),
        Index("events_workspace_page", "workspace_id", "start_ms", "id"),
        Index("events_workspace_rank", "workspace_id", text(RANK), "id"),
        Index("events_workspace_type", "workspace_id", "type", "start_ms", "id"),
        Index("events_workspace_length", "workspace_id", text(LENGTH), "start_ms", "id"),
        Index(
            "events_workspace_verified", "workspace_id", text(STATUS), "start_ms", "id", postgresql_where=text(f"{STATUS} <> 'unverified'")
        ),
        Index("events_workspace_recorded", "workspace_id", "recorded", postgresql_using="gist"),
        # Without the list of what was written last, which each query would read through, once for each slice.
        Index("events_tagged_words", text(WORDS), postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("events_job_changes", "job_id", "change", "id"),
    )


EVENT_COLUMNS = tuple(column for column in Event.__table__.columns if column.name not in {"span", "search"})
"""But for those that an event is only found by."""

EventRow = Row[tuple[Any, ...]]
"""An event's columns by their names."""


class WithdrawnEvent(Base):
    """An event that its job no longer tells of, for those who were told; `change` is when. It stays as long as the job."""

    __tablename__ = "withdrawn_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    change: Mapped[int]

    __table_args__ = (Index("withdrawn_events_job_changes", "job_id", "change", "id"),)


class Endpoint(Identified, Base):
    """Where a workspace's webhooks go, and which. Its secret signs what is sent; `old_secret` does too, until `old_secret_until`.

    `failures` are those in a row, since `failing_since`. Not `enabled`: nothing is written for it, and what was written waits;
    `disabled_reason` says why, where that was not somebody's wish.
    """

    __tablename__ = "webhook_endpoints"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    url: Mapped[str]
    description: Mapped[str | None]
    events: Mapped[list[str]]
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    disabled_reason: Mapped[str | None]
    last_success_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]

    __table_args__ = (Index("webhook_endpoints_page", "workspace_id", "id"),)


DELIVERY_STATES = ("pending", "running", "delivered", "failed")


class Delivery(Leased, Base):
    """A message for one endpoint, written by the transaction that it tells of; its id is the message's, the same over all tries.

    `payload` is what is sent, as it was then: of type JSON, which keeps the order of its members. `event_id` is of the event that it tells
    of, by which it is told once; `job_id`, by which it goes with its video. `tries` are `db.deliveries.Try`, the oldest first.
    """

    __tablename__ = "webhook_deliveries"

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    event_id: Mapped[UUID | None]
    type: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    tries: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))

    __table_args__ = (
        CheckConstraint(f"state IN {DELIVERY_STATES}", name="webhook_deliveries_state"),
        Index("webhook_deliveries_page", "endpoint_id", "id"),
        Index("webhook_deliveries_due", "endpoint_id", "not_before", postgresql_where=text("state IN ('pending', 'running')")),
        Index("webhook_deliveries_job", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        Index("webhook_deliveries_event", "endpoint_id", "event_id", unique=True, postgresql_where=text("event_id IS NOT NULL")),
        Index("webhook_deliveries_created", "created_at"),
    )


class DoomedBlobs(Base):
    """Blobs to delete, from `not_before` on, and again until `last_delete_at`.

    Those of a deleted video: at once, and again later, since a worker may still have been writing. Those of an upload that is not whole
    yet: once it must have been given up; the transaction that makes it a video takes them off this list.
    """

    __tablename__ = "doomed_blobs"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    last_delete_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """A request that its sender may repeat, and what it was answered (`db.idempotency`). Null `status`: somebody is at it, under a lease.

    `asked` and `sent` are digests of what was asked for and of its body, `sent_bytes` the length of a body that was hashed as it is.
    `answer` is sealed with the sender's API key, which is kept nowhere.
    """

    __tablename__ = "idempotency_keys"

    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[bytes] = mapped_column(LargeBinary)
    lease_token: Mapped[UUID]
    lease_until: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    sent: Mapped[bytes | None] = mapped_column(LargeBinary)
    sent_bytes: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[int | None]
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)


class Heartbeat(Base):
    """Who is alive: one row for each part and process, renewed every few seconds."""

    __tablename__ = "heartbeats"

    part: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    note: Mapped[dict[str, Any] | None]
