"""How customers are told of bills, and how they want to be."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_notices_request_id_payment_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_request_id"), "notices", ["request_id"], unique=False)

    op.create_table(
        "bill_channels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_bill_channels_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_channels")),
    )
    op.create_index(
        op.f("ix_bill_channels_customer_id_set_at"), "bill_channels", ["customer_id", "set_at"], unique=False
    )

    # Until now every bill with an address was mailed once when it was made: its notice has its id.
    op.execute(
        "INSERT INTO notices (id, request_id, channel, address, at) "
        "SELECT id, id, 'mail', customer_email, issued_at FROM payment_requests "
        "WHERE customer_email IS NOT NULL"
    )
    op.execute(
        "UPDATE outbox_messages SET key = replace(key, 'request:', 'notice:') "
        "WHERE kind = 'mail' AND key LIKE 'request:%'"
    )

    for table in ("bill_channels", "notices"):
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
