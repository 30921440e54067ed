"""What was decided about a request is kept beside what the customer said."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
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
        "request_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_request_decisions_decided_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["service_requests.id"],
            name=op.f("fk_request_decisions_request_id_service_requests"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_decisions")),
    )
    op.create_index(
        op.f("ix_request_decisions_request_id"), "request_decisions", ["request_id"], unique=False
    )
    for verb in ("UPDATE", "DELETE"):
        on(
            "sqlite",
            f"CREATE TRIGGER append_only_request_decisions_{verb.lower()} BEFORE {verb} ON request_decisions "
            "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_request_decisions'); END",
        )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_request_decisions() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'rows of request_decisions are never changed' USING ERRCODE = 'check_violation', "
        "CONSTRAINT = 'append_only_request_decisions', TABLE = 'request_decisions'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_request_decisions BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "request_decisions FOR EACH STATEMENT EXECUTE FUNCTION append_only_request_decisions()",
    )
