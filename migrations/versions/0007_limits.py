"""API keys and workspaces have limits of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OF_KEYS = ("max_requests_a_minute", "max_uploads_a_day", "max_jobs_a_day")


def upgrade() -> None:
    for name in OF_KEYS:
        op.add_column("api_keys", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("max_open_jobs", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("max_stored_bytes", sa.BigInteger(), nullable=True))
    op.create_table(
        "key_days",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("uploads", sa.Integer(), server_default="0", nullable=False),
        sa.Column("jobs", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("api_key_id", "day"),
    )


def downgrade() -> None:
    op.drop_table("key_days")
    for name in ("max_stored_bytes", "max_open_jobs"):
        op.drop_column("workspaces", name)
    for name in OF_KEYS:
        op.drop_column("api_keys", name)
