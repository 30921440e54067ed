"""Deposits are asked for before the work: a request is a bill or a deposit, and a deposit ends."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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
    _tell_bills_from_deposits()
    op.create_table(
        "ended_deposits",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("why", sa.String(40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["payment_requests.id"],
            name=op.f("fk_ended_deposits_request_id_payment_requests"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_ended_deposits")),
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_ended_deposits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'rows of ended_deposits are never changed' USING ERRCODE = 'check_violation', "
        "CONSTRAINT = 'append_only_ended_deposits', TABLE = 'ended_deposits'; END $$",
    )
    on("postgresql", _trigger_on_postgresql("ended_deposits"))
    for table in ("payment_requests", "ended_deposits"):  # SQLite rebuilt the first, without its triggers
        for verb in ("UPDATE", "DELETE"):
            name = f"append_only_{table}"
            on(
                "sqlite",
                f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'constraint:{name}'); END",
            )


def _tell_bills_from_deposits() -> None:
    """All there were until now are bills."""
    on("postgresql", "DROP TRIGGER append_only_payment_requests ON payment_requests")
    for verb in ("update", "delete"):
        on("sqlite", f"DROP TRIGGER append_only_payment_requests_{verb}")
    op.add_column("payment_requests", sa.Column("kind", sa.String(40), nullable=True))
    op.execute("UPDATE payment_requests SET kind = 'bill'")
    with op.batch_alter_table("payment_requests") as requests:
        requests.alter_column("kind", existing_type=sa.String(40), nullable=False)
        requests.alter_column("report_id", existing_type=sa.Uuid(), nullable=True)
        requests.create_check_constraint(
            op.f("ck_payment_requests_report_of_bill"), "(kind = 'deposit') = (report_id IS NULL)"
        )
    on("postgresql", _trigger_on_postgresql("payment_requests"))


def _trigger_on_postgresql(table: str) -> str:
    return (
        f"CREATE TRIGGER append_only_{table} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION append_only_{table}()"
    )
