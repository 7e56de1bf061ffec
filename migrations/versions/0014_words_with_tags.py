"""The words of events by workspace and slice of time, and whose they are (`db/words.py`). On a large table this is made by hand before
(docs/operations.md).
"""

from functools import reduce

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SLICES = (
    "8000,8979,10079,11313,12699,14254,16000,17959,20158,22627,25398,28508,32000,35918,40317,45254,50796,57017,64000,71837,80634,90509,"
    "101593,114035,128000,143675,161269,181019,203187,228070,256000,287350,322539,362038,406374,456140,512000,574700,645079,724077,"
    "812749,912280,1024000,1149401,1290159,1448154,1625498,1824560,2048000,2298802,2580318,2896309,3250997,3649121,4096000,4597604,"
    "5160636,5792618,6501994,7298242,8192000,9195209,10321273,11585237,13003989,14596484,16384000,18390418,20642546,23170475,26007978,"
    "29192969,32768000,36780836,41285092,46340950,52015957,58385938,65536000,73561672,82570185,92681900,104031915,116771876,131072000"
)
SLICE = f"width_bucket(start_ms, '{{{SLICES}}}'::bigint[])"
LENGTH = "width_bucket(end_ms - start_ms - 1, '{1000,4000,16000,64000,256000,1024000,4096000,16384000}'::bigint[])"
TAGS = ("video_id::text", "job_id::text", "md5(type)", f"{LENGTH}::text")
PARTS = ("' ''='", *(part for tag in TAGS for part in (tag, "''' ''='")))[:-1]
TAGGED = reduce("({} || {})".format, (*PARTS, "''' '"))
WORDS = f"(replace({TAGGED} || search::text, ' ''', ' ''' || left(md5(workspace_id::text || {SLICE}::text), 8))::tsvector)"

NEW = {"events_tagged_words": f"USING gin ({WORDS}) WITH (fastupdate = off)"}


def upgrade() -> None:
    for name, definition in NEW.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON events {definition}")
    op.execute("DROP INDEX IF EXISTS events_words")


def downgrade() -> None:
    for name in NEW:
        op.execute(f"DROP INDEX IF EXISTS {name}")
