"""The words of events by workspace and slice of time (`db/words.py`). On a large table this is made by hand before (docs/operations.md)."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SLICES = (
    "1000,1414,2000,2828,4000,5656,8000,11313,16000,22627,32000,45254,64000,90509,128000,181019,256000,362038,512000,724077,"
    "1024000,1448154,2048000,2896309,4096000,5792618,8192000,11585237,16384000,23170475,32768000,46340950,65536000,92681900,131072000"
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
