"""Jobs count the changes of their events, and events know which of them made them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("changes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("events", sa.Column("change", sa.Integer(), server_default="0", nullable=False))
    op.create_index("events_job_changes", "events", ["job_id", "change", "id"], if_not_exists=True)
    op.drop_index(op.f("ix_events_job_id"), table_name="events")
    op.create_table(
        "withdrawn_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("withdrawn_events_job_changes", "withdrawn_events", ["job_id", "change", "id"])


def downgrade() -> None:
    op.drop_table("withdrawn_events")
    op.create_index(op.f("ix_events_job_id"), "events", ["job_id"], unique=False)
    op.drop_index("events_job_changes", table_name="events")
    op.drop_column("events", "change")
    op.drop_column("jobs", "changes")
