"""Jobs know whether the model's replies were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OVER = sa.text("completed_at IS NOT NULL AND NOT replies_forgotten")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("replies_forgotten", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("jobs_with_replies", "jobs", ["completed_at"], postgresql_where=OVER)


def downgrade() -> None:
    op.drop_index("jobs_with_replies", table_name="jobs", postgresql_where=OVER)
    op.drop_column("jobs", "replies_forgotten")
