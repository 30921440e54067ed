"""What a worker found in stored files."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "media_examinations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.String(40), nullable=False),
        sa.Column("scanned_at", INSTANT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("pictures", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("thumbnail_key", sa.String(length=100), nullable=True),
        sa.Column("copy_key", sa.String(length=100), nullable=True),
        sa.Column("width", sa.BigInteger(), nullable=True),
        sa.Column("height", sa.BigInteger(), nullable=True),
        sa.Column("examined_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "(pictures = 'made') = (copy_key IS NOT NULL)", name=op.f("ck_media_examinations_made")
        ),
        sa.CheckConstraint(
            "(scan = 'unscanned') = (scanned_at IS NULL)", name=op.f("ck_media_examinations_scanned_at")
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_media_examinations_media_id_media")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_examinations")),
        sa.UniqueConstraint("media_id", name=op.f("uq_media_examinations_media_id")),
    )
    with op.batch_alter_table("media_examinations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_examinations_pictures"), ["pictures"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_examinations_scan"), ["scan"], unique=False)
