"""An index of words that 0014 makes another one for."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP INDEX IF EXISTS events_workspace_search")


def downgrade() -> None:
    """Nothing: the release before has its queries answered without."""
