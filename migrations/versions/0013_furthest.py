"""How far bringing a video's bytes in has been: progress does not go back where they are brought in anew."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fetches", sa.Column("furthest", sa.Double(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("fetches", "furthest")
