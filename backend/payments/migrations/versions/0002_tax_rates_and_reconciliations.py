"""Tax rates of parts, and what reconciling found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("alarms", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    with op.batch_alter_table("reconciliations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reconciliations_at"), ["at"], unique=False)

    op.create_table(
        "part_tax_rates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("basis_points BETWEEN 0 AND 10000", name=op.f("ck_part_tax_rates_basis_points")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_part_tax_rates_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_tax_rates")),
    )
    with op.batch_alter_table("part_tax_rates", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_part_tax_rates_part_id_set_at"), ["part_id", "set_at"], unique=False
        )
    for table in ("part_tax_rates", "reconciliations"):
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
