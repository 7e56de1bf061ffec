"""The words of events by workspace and slice of time (`db/words.py`). On a large table this is made by hand before (docs/operations.md)."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SLICES = (
    "15000,21213,30000,42426,60000,84852,120000,169705,240000,339411,480000,678822,960000,1357645,1920000,2715290,3840000,5430580,7680000,"
    "10861160,15360000,21722320,30720000,43444640,61440000,86889281"
)
SLICE = f"width_bucket(start_ms, '{{{SLICES}}}'::bigint[])"
WORDS = f"(ltrim(replace(' ' || search::text, ' ''', ' ''' || left(md5(workspace_id::text || {SLICE}::text), 8)))::tsvector)"

NEW = {"events_words": f"USING gin ({WORDS}) WITH (gin_pending_list_limit = 256)"}


def upgrade() -> None:
    for name, definition in NEW.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON events {definition}")
    op.execute("DROP INDEX IF EXISTS events_workspace_search")


def downgrade() -> None:
    for name in NEW:
        op.execute(f"DROP INDEX IF EXISTS {name}")
