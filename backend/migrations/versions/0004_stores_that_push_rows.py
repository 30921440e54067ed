"""What is kept for stores that push rows: their checkpoints, corrections, and the last push of each row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "sync_checkpoints",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="the integer the device was given"),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column(
            "previous", sa.BigInteger(), nullable=True, comment="the checkpoint that this one was pulled from"
        ),
        sa.Column("positions", sa.Text(), nullable=False, comment="{feed: position} that the device holds"),
        sa.Column(
            "removals", sa.Text(), nullable=False, comment="{feed: position} up to which removals were sent"
        ),
        sa.Column("base", sa.Text(), nullable=True, comment="{feed: position}; null: nobody knows"),
        sa.Column(
            "unsent",
            sa.Boolean(),
            nullable=True,
            comment="whether the device said that it held unsent edits when it pulled",
        ),
        sa.Column(
            "pushed",
            sa.String(length=8),
            nullable=True,
            comment="a push that named this number has begun, or is done",
        ),
        sa.Column("replaces", sa.Boolean(), nullable=False, comment="the next pull sends everything anew"),
        sa.PrimaryKeyConstraint("device_id", "number", name=op.f("pk_sync_checkpoints")),
    )
    op.create_index(op.f("ix_sync_checkpoints_made_at"), "sync_checkpoints", ["made_at"], unique=False)
    op.create_table(
        "sync_corrections",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column(
            "record_id", sa.Text(), nullable=False, comment="as the device wrote it: not always a UUID"
        ),
        sa.Column(
            "sent_in",
            sa.BigInteger(),
            nullable=True,
            comment="the checkpoint that carried it; null: none yet",
        ),
        sa.PrimaryKeyConstraint("device_id", "collection", "record_id", name=op.f("pk_sync_corrections")),
    )
    op.create_table(
        "sync_pushed_rows",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("pushed_at", INSTANT, nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="the checkpoint it came with; 0 without any"
        ),
        sa.Column("base", sa.Text(), nullable=True, comment="the base it was judged by"),
        sa.Column(
            "content",
            sa.Text(),
            nullable=False,
            comment="what was pushed, to know it when it comes again",
        ),
        sa.PrimaryKeyConstraint("device_id", "collection", "record_id", name=op.f("pk_sync_pushed_rows")),
    )
    op.create_index(op.f("ix_sync_pushed_rows_pushed_at"), "sync_pushed_rows", ["pushed_at"], unique=False)
