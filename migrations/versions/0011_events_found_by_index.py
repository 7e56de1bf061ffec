"""Every query of events by an index of its own. On a large table these are made by hand before (docs/operations.md)."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RANK = "(- coalesce(confidence, -1))"
STATUS = "(verification ->> 'status')"
LENGTH = "width_bucket(end_ms - start_ms - 1, '{1000,4000,16000,64000,256000,1024000,4096000,16384000}'::bigint[])"

NEW = {
    "events_video_start": f"(video_id, start_ms, id, type, {STATUS})",
    "events_video_rank": f"(video_id, {RANK}, id)",
    "events_job_start": "(job_id, start_ms, id)",
    "events_workspace_rank": f"(workspace_id, {RANK}, id)",
    "events_workspace_type": "(workspace_id, type, start_ms, id)",
    "events_workspace_length": f"(workspace_id, {LENGTH}, start_ms, id)",
    "events_workspace_verified": f"(workspace_id, {STATUS}, start_ms, id) WHERE {STATUS} <> 'unverified'",
}
OLD = {
    "events_video_page": "(video_id, start_ms, id)",
    "events_search": "USING gin (search)",
}
"""What the new ones do as well."""


def upgrade() -> None:
    _create(NEW)
    _drop(OLD)


def downgrade() -> None:
    _create(OLD)
    _drop(NEW)


def _create(indexes: dict[str, str]) -> None:
    for name, definition in indexes.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON events {definition}")


def _drop(indexes: dict[str, str]) -> None:
    for name in indexes:
        op.execute(f"DROP INDEX IF EXISTS {name}")
