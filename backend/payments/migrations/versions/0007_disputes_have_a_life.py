"""Disputes of card payments, from the first word to the end."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "disputes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("checkout_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("respond_by", INSTANT, nullable=True),
        sa.Column("heard_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_disputes_amount")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_disputes_request_id_payment_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("provider", "name", name=op.f("uq_disputes_provider_name")),
    )
    op.create_index(op.f("ix_disputes_request_id"), "disputes", ["request_id"], unique=False)
    op.create_table(
        "dispute_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dispute_id"], ["disputes.id"], name=op.f("fk_dispute_steps_dispute_id_disputes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_steps")),
        sa.UniqueConstraint("dispute_id", "state", name=op.f("uq_dispute_steps_dispute_id_state")),
    )
    for table in ("disputes", "dispute_steps"):
        name = f"append_only_{table}"
        for verb in ("UPDATE", "DELETE"):
            on(
                "sqlite",
                f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'constraint:{name}'); END",
            )
        on(
            "postgresql",
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION 'rows of {table} are never changed' "
            f"USING ERRCODE = 'check_violation', CONSTRAINT = '{name}', TABLE = '{table}'; END $$",
        )
        on(
            "postgresql",
            f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        )
