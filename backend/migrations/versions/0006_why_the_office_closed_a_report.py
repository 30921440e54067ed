"""Why the office closed a report."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.add_column("service_reports", sa.Column("office_reason", sa.Text(), nullable=True))
