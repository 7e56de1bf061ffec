"""Uploads know of which others they are made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("uploads", sa.Column("concat", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "concat")
