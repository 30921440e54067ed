"""The field inbox knows what was decided, by whom, and what an entry is about."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    for name, kind in (
        ("skew_seconds", sa.Float()),
        ("subject_collection", sa.Text()),
        ("subject_id", sa.Uuid()),
        ("decision", sa.Text()),
        ("decided_by", sa.Uuid()),
        ("decided_by_name", sa.Text()),
        ("remark", sa.Text()),
        ("result_id", sa.Uuid()),
    ):
        op.add_column("sync_field_inbox", sa.Column(name, kind, nullable=True))
    op.create_index(op.f("ix_sync_field_inbox_created_at"), "sync_field_inbox", ["created_at"], unique=False)
    op.create_index(op.f("ix_sync_field_inbox_subject_id"), "sync_field_inbox", ["subject_id"], unique=False)
    op.add_column(
        "sync_journals",
        sa.Column(
            "doubted_through",
            sa.BigInteger(),
            nullable=True,
            comment="bases up to this number are believed to be nobody's",
        ),
    )
    op.add_column(
        "sync_mutations",
        sa.Column(
            "subject_id",
            sa.Uuid(),
            nullable=True,
            comment="of a held one: what it is about",
        ),
    )
